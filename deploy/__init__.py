"""What users apply to install the operator, and the program that writes it."""
