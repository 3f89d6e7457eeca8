"""What an experiment's numbers are called in a table: the network first, then what was measured of it."""

from __future__ import annotations

NETWORKS = {
    "book_convnet": "MNIST, 93,322 parameters",
    "fashion_convnet": "Fashion-MNIST, 243,786 parameters",
    "fashion_convnet_decay": "Fashion-MNIST, learning rate falling to zero",
    "fashion_convnet_long": "Fashion-MNIST, constant learning rate",
    "dropout_convnet": "MNIST, 110,474 parameters, patience 2",
    "dropout_convnet_patient": "MNIST, 110,474 parameters, patience 5",
    "functional_convnet": "MNIST, 113,514 parameters",
    "pets_scratch": "2,000 photos, from scratch, 3,453,121 parameters",
    "pets_augmented": "2,000 photos, augmented, with dropout",
    "pets_source_schedule": "2,000 photos, augmented, with dropout, the source's schedule",
    "pets_modern": "2,000 photos, what one would do today, 1,721,313 parameters",
    "vgg16_features_scaled": "VGG16's features, photos divided by 255",
    "vgg16_features": "VGG16's features, photos as VGG16 expects them",
    "vgg16_augmented": "VGG16's features of random views",
    "vgg16_source_augmented": "VGG16's features of new views in every epoch, divided by 255",
    "vgg16_source_unfrozen": "VGG16 learning as a whole on new views, divided by 255",
    "vgg16_source_fine_tuned": "VGG16, block 5 fine-tuned on new views in every epoch, divided by 255",
    "vgg16_fine_tuned": "VGG16, block 5 fine-tuned on random views",
    "lite0_features": "EfficientNet-Lite0's features, logistic regression, 224 pixels",
    "drawn_scratch": "drawn pets, from scratch",
    "drawn_augmented": "drawn pets, augmented",
    "drawn_features": "drawn pets, features of the course's own base",
    "drawn_fine_tuned": "drawn pets, block 5 of this base fine-tuned",
}
METRICS = {
    "test_accuracy": "test",
    "test_accuracy_last_epoch": "test after the last epoch",
    "test_accuracy_5_epochs": "test after 5 epochs",
    "test_accuracy_20_epochs": "test after 20 epochs",
    "test_loss_5_epochs": "test loss after 5 epochs",
    "training_accuracy_5_epochs": "training after 5 epochs",
    "training_accuracy_last_epoch": "training after the last epoch",
    "training_accuracy_with_dropout": "training, with dropout",
    "validation_accuracy": "validation",
    "validation_accuracy_last_epoch": "validation after the last epoch",
}


def row(key: str) -> str:
    """The words for "experiment.metric": "MNIST, 93,322 parameters, test"."""
    name, metric = key.split(".")
    return f"{NETWORKS[name]}, {METRICS[metric]}"
