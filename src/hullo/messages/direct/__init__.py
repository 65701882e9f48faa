"""Voice messages over the direct line: sealed, laid into a storage, told of in a letter, fetched, receipted."""
