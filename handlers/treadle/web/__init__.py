"""The HTTP edge: what comes in is judged by the contract, what goes out has the recorded form."""
