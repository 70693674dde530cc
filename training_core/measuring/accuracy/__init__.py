"""How accurate it is: the published experiments run again, splits, protocol, several seeds, figures side by side."""
