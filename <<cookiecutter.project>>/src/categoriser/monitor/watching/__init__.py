"""From captured calls to the features that are watched, on one machine's cores or on Spark."""
