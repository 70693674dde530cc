"""The network: encoder, decoder, prototypes and text in one module, and the weight files it is loaded from."""
