"""The HTTP edge: validates requests against the contract, and writes answers in the recorded form."""
