"""Train a random forest on scikit-learn's handwritten digits: 1,797 images of 8 by 8 pixels."""

import json
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

digits = load_digits()
train_x, test_x, train_y, test_y = train_test_split(
    digits.data, digits.target, test_size=0.2, random_state=0
)
model = RandomForestClassifier(n_estimators=100, random_state=0).fit(train_x, train_y)

if __name__ == "__main__":
    rows = test_x[:4].tolist()
    Path("sample.json").write_text(json.dumps(rows), encoding="utf-8")
    Path("request.json").write_text(json.dumps({"instances": rows[:1]}), encoding="utf-8")
    print(f"accuracy on unseen digits: {model.score(test_x, test_y):.3f}")
    print(f"the first of them is a {test_y[0]}")
