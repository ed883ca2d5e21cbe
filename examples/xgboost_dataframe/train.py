"""Predict the progress of diabetes with XGBoost behind a scikit-learn pipeline on a DataFrame."""

from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBRegressor

patients, progress = load_diabetes(as_frame=True, scaled=False, return_X_y=True)
patients["sex"] = patients["sex"].map({1.0: "female", 2.0: "male"})
train_x, test_x, train_y, test_y = train_test_split(
    patients, progress, test_size=0.2, random_state=0
)

numbers = [column for column in patients if column != "sex"]
model = Pipeline(
    [
        (
            "columns",
            ColumnTransformer(
                [("sex", OneHotEncoder(), ["sex"]), ("numbers", StandardScaler(), numbers)]
            ),
        ),
        ("trees", XGBRegressor(n_estimators=120, max_depth=3, learning_rate=0.05, n_jobs=1)),
    ]
).fit(train_x, train_y)

if __name__ == "__main__":
    test_x.head(4).to_csv("sample.csv", index=False)
    print(f"R2 on unseen patients: {model.score(test_x, test_y):.3f}")
