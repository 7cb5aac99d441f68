"""The layers of the base builder: each adds one thing to the one below it."""
