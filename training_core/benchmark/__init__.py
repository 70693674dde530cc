"""The published experiments, run again: splits and protocol of the data sets, several seeds, figures side by side."""
