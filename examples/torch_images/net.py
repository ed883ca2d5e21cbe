"""A small convolutional network for 8 by 8 images."""

import torch
from torch import nn


class DigitNet(nn.Module):
    """Two convolutions and a linear layer; (n, 1, 8, 8) float32 in 0..1 -> (n, 10) scores."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.width = width
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, width * 2, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classify = nn.Linear(width * 2 * 2 * 2, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Score the ten digits."""
        return self.classify(self.features(images).flatten(1))
