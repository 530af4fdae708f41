"""The server under load, beside MLflow's scoring server and a constant answer."""
