"""Networks: the ADM U-Net, the digits classifier, the moving average of weights and the weights files."""
