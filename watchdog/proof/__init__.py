"""LAW: pure, and nothing but the standard library: who checks a ledger need trust nobody else's code.

chain    the ledger's lines: what each says of the one before it
"""
