"""What people read, and the programs that write the parts that code already knows."""
