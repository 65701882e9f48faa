"""`python -m hullo` is the command `hullo`."""

from hullo.cli import main

if __name__ == "__main__":
    main()
