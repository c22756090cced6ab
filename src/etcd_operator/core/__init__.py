"""Pure decisions: snapshot in, plan and status out. No I/O, clock or randomness."""
