"""What people call the sides of a split: folders, tables and cells that mean train, val or test. Pure string work."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence

from core import Split

_WORDS: dict[Split, str] = {
    "train": "train training trains trn trainval trainvaltrain learn learning entrenamiento entrainement apprentissage "
             "treino treinamento addestramento lernen lerndaten egitim trening обучение обучающая тренировочная "
             "训练 训练集 訓練 訓練集 学習 학습 훈련 تدريب אימון",
    "val": "val valid validation validate validating vali vld dev devel development validierung validacion validacao "
           "convalida validazione dogrulama walidacja валидация валидационная 验证 验证集 驗證 検証 검증 אימות",
    "test": "test testing tests tst holdout heldout prueba pruebas teste essai prova prufung тест тестовая "
            "测试 测试集 測試 テスト 테스트 시험 اختبار מבחן בדיקה",
}  # fmt: skip
_SIDE: dict[str, Split] = {word: side for side, words in _WORDS.items() for word in words.split()}
_EITHER = ("eval", "evaluation", "evaluate", "publictest")
"""The test, or the validation beside one."""
_NEUTRAL = frozenset((
    "set", "sets", "data", "dataset", "images", "image", "imgs", "img", "pics", "pictures", "picture", "photos",
    "photo", "labels", "label", "folder", "dir", "split", "splits", "seg", "samples", "sample", "files", "file",
    "jpg", "jpeg", "png", "list", "lists", "annotations", "annotation", "metadata", "meta", "info", "class",
    "classes", "csv", "subset", "partition", "fold", "part", "final", "the", "of", "for", "and", "ground", "truth",
    "gt", "y", "x", "out", "held", "hold",
))  # fmt: skip
_JOINED = ("set", "data", "dataset", "images", "img", "imgs", "ing")
"""Endings written without a gap: trainset, testimages."""


def split_of(name: str, beside: Collection[str] = ()) -> Split | None:
    """The side that a folder's, file's or cell's name means: 'Training', 'train_images', 'seg_test', 'dev'; None when
    it is no such name. beside: the other names of its level, which say what 'eval' means and which words are shared
    ('flowers_train', 'flowers_test')."""
    words = _words(name)
    side = _side(words, beside)
    if side is None and len(beside) > 1:
        shared = set.intersection(*(set(_words(one)) for one in beside)) - _SIDE.keys() - set(_EITHER)
        side = _side([word for word in words if word not in shared], beside)
    return side


def split_in(name: str) -> Split | None:
    """As `split_of`, for a name that says other things too: 'cifar10_train.csv'. None when it names two sides."""
    found = {side for word in _words(name) if (side := _word(word, ()))}
    return found.pop() if len(found) == 1 else None


def sides_of(names: Iterable[str]) -> dict[str, Split]:
    """Name -> side, for those of a level that mean one."""
    level = sorted(set(names))
    return {name: side for name in level if (side := split_of(name, level))}


def _side(words: Sequence[str], beside: Collection[str]) -> Split | None:
    told = [word for word in words if word not in _NEUTRAL]
    found = {_word(word, beside) for word in told}
    return found.pop() if len(found) == 1 else None


def _word(word: str, beside: Collection[str]) -> Split | None:
    stems = [word, *(word[: -len(end)] for end in _JOINED if word.endswith(end) and len(word) > len(end) + 1)]
    for stem in stems:
        if stem in _SIDE:
            return _SIDE[stem]
        if stem in _EITHER:
            others = [_words(one) for one in beside]
            test = any(_SIDE.get(one) == "test" for words in others for one in words)
            val = any(_SIDE.get(one) == "val" for words in others for one in words)
            private = any("private" in words or "privatetest" in words for words in others)
            return "val" if (test or private) and not val else "test"
    return "test" if word == "privatetest" else None


def _words(name: str) -> list[str]:
    """'trainImages_01' -> ['train', 'images']: without case, accents and numbers."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    plain = "".join(c for c in unicodedata.normalize("NFKD", parted.casefold()) if not unicodedata.combining(c))
    plain = unicodedata.normalize("NFC", plain)
    words = [re.sub(r"\d+", "", word) for word in re.split(r"[\W_]+", plain)]
    joined = "".join(words)
    if joined in ("publictest", "privatetest", "trainval", "holdout", "heldout"):
        return [joined]
    return [word for word in words if word]
