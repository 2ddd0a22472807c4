"""Folders as people pack them, brought to the two shapes that `dataset.layout` reads. Pure: names only.

Wrapped twice (`training_set/training_set/cat`), packed twice (`cells/cells/cat` beside `cells/cat`), in parts
(`part_1/cat`, `fold_0/cat`; any one word with a number, when nearly the same class folders lie in each: `run1/cat`,
`run2/cat`), in variants (`color/cat`, `grayscale/cat`), masks beside images, sides inside classes
(`cat/train`), side and class in one name (`train_cat`). Where nothing of that is there, nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from core import Split
from core.names import suffix
from dataset import sides_of, split_of
from dataset.readings.folder_names import DOCUMENTS, NEUTRAL, PART, PRIMARY, SECONDARY, UNLABELLED, numbered
from dataset.readings.reading import Listing

NEARLY = 0.8
"""Share of all names of inner folders that each folder has to hold, for these to be the classes."""
MOST_TWINS = 20
"""Folders beside one another that are compared with each other."""


@dataclass
class _Node:
    name: str = ""
    depth: int = 0
    """Folders above the files in it."""
    children: dict[str, _Node] = field(default_factory=dict)
    images: list[str] = field(default_factory=list)

    def every(self) -> Iterator[str]:
        """All images at or below this folder."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield from node.images
            waiting.extend(node.children.values())

    @property
    def wraps(self) -> _Node | None:
        """The only folder inside, when there is nothing else and it holds folders itself."""
        if self.images or len(self.children) != 1:
            return None
        (only,) = self.children.values()
        return only if only.children else None


@dataclass
class Tidied:
    """Images under the folders that say something."""

    images: dict[str, str] = field(default_factory=dict)
    """Plain path -> path as it lies there."""
    folders: list[str] = field(default_factory=list)
    set_aside: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    again: int = 0
    """Images set aside that show what another one shows."""
    changed: bool = False


def tidy(listing: Listing) -> Tidied:
    """The images of a listing under folders that `find_layout` reads."""
    out = Tidied()
    root = _tree(listing)
    base, prefix = root, list[str]()
    while (only := base.wraps) and not split_of(only.name):
        base = only
        prefix.append(base.name)
    for node in _all_nodes(base):
        _drop_second_pack(node, listing, out)
        _drop_twins(node, listing, out)
        _drop_variants(node, out, top=node is base)
    _drop_unlabelled(base, out)
    base = _join_parts(base, out)
    names = list(base.children)
    sides = sides_of(names)
    if _swapped(base):
        base = _swap(base, out)
    elif any(sides[name] == "train" and base.children[name].children for name in sides):
        inner = {tuple(base.children[name].children) for name in sides}
        for name in sides:
            side = _inside(base.children[name], sides[name], len(inner) == 1, out)
            _drop_unlabelled(side, out)
            base.children[name] = _join_parts(side, out)
    elif parted := _side_and_class(base):
        base, out.changed = parted, True
        out.notes.append("The names of the folders say both side and class, as 'train_cat' does, and were read so.")
    _write(base, prefix, out)
    return out


def _tree(listing: Listing) -> _Node:
    root = _Node()
    for path in sorted(listing.images):
        _at(root, path.split("/")[:-1]).images.append(path)
    documented = {path.rpartition("/")[0] for path in listing.others if suffix(path) in DOCUMENTS}
    for folder in listing.folders:
        if not any(one == folder or one.startswith(f"{folder}/") for one in documented):
            _at(root, folder.split("/"))
    return root


def _all_nodes(base: _Node) -> list[_Node]:
    found = [base]
    for node in found:
        found.extend(node.children.values())
    return found


def _drop_second_pack(node: _Node, listing: Listing, out: Tidied) -> None:
    """Of a folder that holds its siblings once more: what is there already is set aside, the rest joins them."""
    for name, child in list(node.children.items()):
        others, again = set(node.children) - {name}, _innermost(child)
        if len(others) < 2 or len(others & set(again.children)) < 0.8 * len(others):
            continue
        there = {_below(path, node): path for other in others for path in node.children[other].every()}
        inside = {path: there.get(_below(path, again)) for path in again.every()}
        copies = {path: same for path, same in inside.items() if same and listing.same(same, path)}
        if len(copies) < 0.5 * len(inside):
            continue
        out.set_aside += [(path, f"a copy of '{same}': packed twice") for path, same in copies.items()]
        for path in inside.keys() - copies.keys():
            _at(node, _below(path, again).split("/")[:-1]).images.append(path)
        out.again += len(copies)
        del node.children[name]
        out.changed = True
        out.notes.append(f"The folder '{name}' holds the others once more: {len(copies):,} copies were left out.")
        return


def _drop_twins(node: _Node, listing: Listing, out: Tidied) -> None:
    """Of two folders with the same files under the same names, the second is set aside."""
    seen: dict[frozenset[str], str] = {}
    for name, child in list(node.children.items()):
        inner = _innermost(child)
        if not inner.children or len(node.children) > MOST_TWINS:
            continue
        paths = {_below(path, inner): path for path in inner.every()}
        key = frozenset(paths)
        first = seen.setdefault(key, name)
        if first == name or not paths:
            continue
        twins = {_below(path, _innermost(node.children[first])): path for path in node.children[first].every()}
        if all(listing.same(twins[one], path) for one, path in paths.items()):
            out.set_aside += [(path, f"a copy of '{twins[one]}': packed twice") for one, path in paths.items()]
            out.again += len(paths)
            del node.children[name]
            out.changed = True
            out.notes.append(f"The folder '{name}' holds the same files as '{first}': {len(paths):,} copies left out.")


def _innermost(node: _Node) -> _Node:
    while around := node.wraps:
        node = around
    return node


def _below(path: str, node: _Node) -> str:
    """The path of an image from this folder on."""
    return path.split("/", node.depth)[-1]


def _at(node: _Node, folders: list[str]) -> _Node:
    for name in folders:
        if name not in node.children:
            node.children[name] = _Node(name, node.depth + 1)
        node = node.children[name]
    return node


def _drop_variants(node: _Node, out: Tidied, *, top: bool) -> None:
    """Of the same pictures in colour, in grey, as masks: one variant stays."""
    known = {name: name.casefold() for name in node.children}
    if len(known) < 2 or any(name not in (*PRIMARY, *SECONDARY) for name in known.values()):
        return
    order = [*PRIMARY, *SECONDARY]
    first, *others = sorted(known, key=lambda name: order.index(known[name]))
    kept = node.children[first]
    for name in others:
        other = node.children[name]
        shared = set(kept.children) & set(other.children)
        if kept.children and len(shared) >= 0.8 * len(kept.children):
            pass
        elif top or kept.children or other.children or known[name] not in SECONDARY:
            return
        again = [(path, f"the variant '{name}' of pictures that '{first}' holds") for path in other.every()]
        out.set_aside += again
        out.again += len(again)
        del node.children[name]
        out.changed = True
    note = f"Of the variants {_listed([first, *others])} of the same pictures, '{first}' was taken."
    if note not in out.notes:
        out.notes.append(note)
    node.children, node.images = kept.children, node.images + kept.images


def _drop_unlabelled(node: _Node, out: Tidied) -> None:
    for name in list(node.children):
        if UNLABELLED.fullmatch(name) and len(node.children) > 2:
            out.set_aside += [(path, f"has no label: it lies in '{name}'") for path in node.children.pop(name).every()]
            out.changed = True


def _swapped(base: _Node) -> bool:
    """Whether every folder holds nothing but sides: `cat/train`, `cat/test`, `dog/train`."""
    inner = [node.children for node in base.children.values()]
    loose = any(node.images for node in base.children.values())
    if len(inner) < 2 or loose or not all(inner) or len(sides_of(base.children)) == len(base.children):
        return False
    names = {name for children in inner for name in children}
    sides = sides_of(names)
    return len(sides) == len(names) > 1 and "train" in sides.values()


def _swap(base: _Node, out: Tidied) -> _Node:
    turned = _Node(base.name, images=base.images)
    for name, node in base.children.items():
        for side, inner in node.children.items():
            _at(turned, [side]).children[name] = _Node(name, 0, inner.children, inner.images)
    out.changed = True
    out.notes.append("The folders inside the class folders were read as the split.")
    return turned


def _inside(node: _Node, side: Split, everywhere: bool, out: Tidied) -> _Node:
    """A side without the folders around its classes. everywhere: all sides hold a folder of the same name."""
    start = node
    while not node.images and len(node.children) == 1:
        (only,) = node.children.values()
        wrapped = only.name.casefold() in (*NEUTRAL, start.name.casefold()) or split_of(only.name) == side
        if not (wrapped or (everywhere and only.children)):
            break
        node, everywhere = only, False
        out.changed = True
    return _Node(start.name, 0, node.children, node.images)


def _join_parts(node: _Node, out: Tidied) -> _Node:
    """Folders that are parts of one heap, joined; where they hold no folders themselves, nothing changes."""
    parts = {name: found[1] + found[2] for name in node.children if (found := PART.fullmatch(name))}
    named = len(parts) == len(node.children) and len(set(parts.values())) == 1
    if len(node.children) < 2 or not (named or _same_inside(node)) or node.images:
        return node
    if not all(child.children and not child.images for child in node.children.values()):
        return node
    out.changed = True
    names = sorted(node.children)
    folds = [node.children[name] for name in names]
    if all(_is_split(fold) for fold in folds) and _same_files(folds[0], folds[1]):
        why = f"the same images as in '{names[0]}', in another split"
        again = [(path, why) for one in folds[1:] for path in one.every()]
        out.set_aside += again
        out.again += len(again)
        out.notes.append(f"Of the splits {_listed(names)}, the first was taken.")
        return folds[0]
    joined = _Node(node.name)
    for child in node.children.values():
        inner = child.wraps if child.wraps and child.wraps.name.casefold() in NEUTRAL else child
        _merge(joined, inner)
    out.notes.append(f"The folders '{names[0]}' to '{names[-1]}' were joined.")
    return joined


def _same_inside(node: _Node) -> bool:
    """Whether numbered folders hold nearly the same folders, and these are named like classes."""
    inner = tuple({name for child in node.children.values() for name in child.children})
    fewest = min(len(child.children) for child in node.children.values())
    return len(inner) > 1 and fewest >= NEARLY * len(inner) and numbered(tuple(node.children), inner)


def _is_split(node: _Node) -> bool:
    return len(sides_of(node.children)) == len(node.children) > 1


def _same_files(one: _Node, other: _Node) -> bool:
    names = [{path.rpartition("/")[2] for path in node.every()} for node in (one, other)]
    return len(names[0] & names[1]) > 0.5 * len(names[1])


def _merge(into: _Node, other: _Node) -> None:
    into.images.extend(other.images)
    for name, child in other.children.items():
        _merge(into.children.setdefault(name, _Node(name)), child)


def _side_and_class(base: _Node) -> _Node | None:
    """`train_cat`, `test_cat`, `train_dog` as `train/cat`, `test/cat`, `train/dog`; None where not all are such."""
    parted = _Node(base.name, images=base.images)
    for name, node in base.children.items():
        first, _, rest = name.partition("_")
        start, _, last = name.rpartition("_")
        if rest and split_of(first):
            side, cls = first, rest
        elif start and split_of(last):
            side, cls = last, start
        else:
            return None
        _merge(_at(parted, [side, cls]), node)
    sides = sides_of(parted.children)
    classes = {name for child in parted.children.values() for name in child.children}
    return parted if len(sides) > 1 and "train" in sides.values() and len(classes) > 1 else None


def _write(base: _Node, prefix: list[str], out: Tidied) -> None:
    """Plain paths of all that is left; every image has a number for a name, so that joined folders do not clash."""
    number = 0
    waiting = [("/".join(prefix), base)]
    while waiting:
        at, node = waiting.pop()
        if at:
            out.folders.append(at)
        for image in node.images:
            out.images[f"{at}/{number:09d}" if at else f"{number:09d}"] = image
            number += 1
        waiting.extend((f"{at}/{name}" if at else name, child) for name, child in node.children.items())


def _listed(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:-1]) + f" and '{names[-1]}'"
