"""What the mock imitates of C06 and what it only guesses, each with its source, its test and its switch."""
