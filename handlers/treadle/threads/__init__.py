"""What a thread is: the state that a kept run leaves, and what can be read of it."""
