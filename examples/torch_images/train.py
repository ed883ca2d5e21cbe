"""Train the network on scikit-learn's digits, on a CPU, in a few seconds."""

from pathlib import Path

import numpy as np
import torch
from net import DigitNet
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(0)
digits = load_digits()
images = (digits.images / 16).astype(np.float32)[:, None]
train_x, test_x, train_y, test_y = train_test_split(
    images, digits.target, test_size=0.2, random_state=0
)


def train(epochs: int = 8) -> DigitNet:
    """Fit with Adam on batches of 64."""
    net = DigitNet(width=16)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    x, y = torch.from_numpy(train_x), torch.from_numpy(train_y)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
            optimizer.step()
    return net.eval()


model = train()

if __name__ == "__main__":
    with torch.no_grad():
        right = (model(torch.from_numpy(test_x)).argmax(1).numpy() == test_y).mean()
    np.save("sample.npy", test_x[:4])
    picture = Image.fromarray((test_x[0, 0] * 255).astype(np.uint8)).resize((64, 64))
    picture.save(Path("digit.png"))
    print(f"accuracy on unseen digits: {right:.3f}; digit.png shows a {test_y[0]}")
