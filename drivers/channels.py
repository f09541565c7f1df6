"""The vocabulary: one name and one unit for every quantity, whatever protocol it came by."""
