"""The storage contract: a durable queue and record of runs, the threads that are kept, and a log of each run's events.

Every backend keeps these promises; `tests/storage` holds them to it. Times are seconds since the epoch by the store's
own clock. Storage knows JSON, not the API's models: a change of the contract is never a schema migration.
"""
