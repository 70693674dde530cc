"""Results: the confusion matrix and the export."""
