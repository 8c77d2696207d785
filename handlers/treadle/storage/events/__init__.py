"""The parts of the event log that do not depend on the backend."""
