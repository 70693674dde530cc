"""What is measured: the recorded steps of the released code, speed, and accuracy on data sets."""
