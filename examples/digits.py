"""Train a small network on images of digits, test it, save it, and load it again."""

import numbanet as nn

data = nn.data.load("digits")  # or "mnist": the same shapes
model = nn.Sequential(
    nn.Flatten(),
    nn.Dense(128, activation="relu"),
    nn.Dense(10),
    input_shape=(28, 28, 1),
    seed=0,
)
history = model.fit(
    *data.train,
    epochs=5,
    batch_size=128,
    optimizer=nn.Adam(1e-3),
    loss="cross_entropy",
    validation_data=data.test,
)
print(model.summary())
for epoch, (loss, accuracy) in enumerate(zip(history["loss"], history["val_accuracy"], strict=True), start=1):
    print(f"epoch {epoch}: loss {loss:.4f}, test accuracy {accuracy:.2%}")

model.save("digits.safetensors")
model = nn.load("digits.safetensors")
print(model.evaluate(*data.test))
