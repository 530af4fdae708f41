"""How often the monitor alarms at nothing, and what it finds within one week."""
