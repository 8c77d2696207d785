"""What the databases' rows hold: the same columns, written and read the same way by every backend with SQL."""
