"""Two models of scikit-learn's wines: which cultivar it is, and whether it is wine at all."""

import json
from pathlib import Path

from sklearn.datasets import load_wine
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest

wines = load_wine()
classifier = HistGradientBoostingClassifier(random_state=0).fit(wines.data, wines.target)
guard = IsolationForest(random_state=0).fit(wines.data)

if __name__ == "__main__":
    rows = wines.data[:4].tolist()
    Path("sample.json").write_text(json.dumps(rows), encoding="utf-8")
    strange = [value * 3 for value in rows[1]]
    Path("request.json").write_text(json.dumps({"instances": [rows[0], strange]}), encoding="utf-8")
    print(f"accuracy on the training wines: {classifier.score(wines.data, wines.target):.3f}")
