# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""default_config.yaml, presets, a YAML of the user and the command line -> one immutable `Settings`."""
from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from src.errors import CommandParser, UserError
from src.files import write_text
from src.options import REPEATED, TRUTH, Option

DEFAULT_CONFIG = Path(__file__).resolve().parent.parent / "default_config.yaml"


@dataclass(frozen=True)
class Section:
    """A group of options, as one heading of `--help`."""

    name: str
    help: str
    options: tuple[Option, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict)  # a method's own defaults of common settings
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class Settings(Mapping):
    """All settings of one run: read as `settings.batch_size` or `settings["batch_size"]`; never changed."""

    def __init__(self, values: Mapping[str, Any], changed: frozenset[str] = frozenset()):
        object.__setattr__(self, "_values", dict(values))
        object.__setattr__(self, "_changed", changed)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(f"no setting named {name}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("settings are immutable; use replace()")

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __reduce__(self) -> tuple:
        return Settings, (self._values, self._changed)  # the default would call __getattr__ too early

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def given(self, name: str) -> bool:
        """Tell whether the user set `name` (by a preset, a YAML or the command line)."""
        return name in self._changed

    def replace(self, **values: Any) -> Settings:
        """Return a copy with some values replaced (which must exist)."""
        unknown = set(values) - set(self._values)
        if unknown:
            raise KeyError(f"no setting named {sorted(unknown)}")
        return Settings({**self._values, **values}, self._changed | set(values))

    def plain(self) -> dict[str, Any]:
        """Return the values as plain YAML and JSON types."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in self._values.items()}

    def write(self, path: str | Path) -> None:
        """Write the values as YAML, which `--config_path` reads again."""
        write_text(path, yaml.safe_dump(self.plain(), sort_keys=False, allow_unicode=True))


def _option(name: str, entry: Mapping[str, Any]) -> Option:
    default = entry["default"]
    kind = entry.get("type") or type(default).__name__
    shorthand = entry.get("shorthand")
    return Option(name=name, default=default, type=kind, help=entry["help"],
                  choices=tuple(str(c) for c in entry.get("choices", ())),
                  minimum=entry.get("min"), maximum=entry.get("max"), optional=default is None,
                  aliases=tuple(entry.get("aliases", ())),
                  shorthand=tuple(shorthand.split(":", 1)) if shorthand else None,
                  names_data=entry.get("names_data", False), network=entry.get("network"))


def _section(name: str, entry: Mapping[str, Any]) -> Section:
    options = tuple(_option(key, value) for key, value in (entry.get("settings") or {}).items())
    return Section(name, entry["help"], options, entry.get("defaults") or {}, entry.get("presets") or {})


def load_schema() -> tuple[list[Section], dict[str, Section]]:
    """Read default_config.yaml: the common sections, and the section of each method by name."""
    declared = yaml.safe_load(DEFAULT_CONFIG.read_text(encoding="utf-8"))
    common = [_section(name, entry) for name, entry in declared["common"].items()]
    methods = {name: _section(name, entry) for name, entry in declared["methods"].items()}
    methods.update({name: _section(name, entry) for name, entry in _EXTRA_METHODS.items()})
    return common, methods


_EXTRA_METHODS: dict[str, Mapping[str, Any]] = {}


def add_method_section(name: str, entry: Mapping[str, Any]) -> None:
    """Declare the settings of a method that default_config.yaml does not list (see `src.method.register`)."""
    _EXTRA_METHODS[name] = entry


def _read_yaml(path: str, method: str | None = None) -> dict[str, Any]:
    """Read the values of a YAML file; `method` chooses the section of a copy of default_config.yaml."""
    try:
        loaded = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read --config_path {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"--config_path {path} is not valid YAML: {error}") from None
    if not isinstance(loaded, dict):
        raise UserError(f"--config_path {path} must hold lines `name: value`, found {type(loaded).__name__}")
    if {"common", "methods"} <= set(loaded):
        return _edited_defaults(loaded, method)
    return {str(name): value for name, value in loaded.items()}


def _edited_defaults(declared: dict[str, Any], method: str | None) -> dict[str, Any]:
    """Return what an edited copy of default_config.yaml (as ModelZoo users make it) changes for one method.

    Raises:
        UserError: it has another structure, or changes more than defaults.
    """
    def section(of: dict[str, Any], name: str) -> dict[str, Any]:
        return of["methods"].get(name) or {}

    def flat(of: dict[str, Any], name: str) -> dict[str, Any]:
        return {setting: entry["default"] for part in (*of["common"].values(), section(of, name))
                for setting, entry in (part.get("settings") or {}).items()}
    shipped = yaml.safe_load(DEFAULT_CONFIG.read_text(encoding="utf-8"))
    try:
        method = method or declared["common"]["common"]["settings"]["method"]["default"]
        edited, original = flat(declared, method), flat(shipped, method)
        fixed = [part for part in ("defaults", "presets")
                 if part in section(declared, method)
                 and section(declared, method)[part] != section(shipped, method).get(part)]
    except (AttributeError, KeyError, TypeError):
        raise UserError("--config_path looks like a copy of default_config.yaml but has another structure; "
                        "write lines `name: value` instead") from None
    if fixed:
        raise UserError(f"--config_path changes the {fixed[0]} of {method}, but of a copy of "
                        "default_config.yaml only the `default` of each setting is read; change it there")
    return {name: value for name, value in edited.items() if name not in original or original[name] != value}


def _tokens(argv: list[str], names: Mapping[str, Option], has_positionals: bool) -> list[str]:
    """Check every `--name` before argparse sees it, so that a typo is answered with the nearest name.

    Beside positionals, a flag followed by no truth value means true: `--flip_average photo.jpg` keeps
    its photo.
    """
    tokens = []
    for token, following in zip(argv, [*argv[1:], ""]):
        if token.startswith("--") and token not in ("--", "--help"):
            name = token[2:].split("=", 1)[0]
            if name not in names:
                near = difflib.get_close_matches(name, names, 1, 0.5)
                hint = f"did you mean --{near[0]}?" if near else "see --help"
                raise UserError(f"unknown setting --{name}; {hint}")
            is_flag = has_positionals and names[name].type == "bool" and "=" not in token
            if is_flag and following.lower() not in TRUTH:
                token = f"{token}=true"
        tokens.append(token)
    return tokens


def _build_parser(command: str, description: str, sections: list[Section],
                  own_defaults: Mapping[str, Any], positionals: Mapping[str, str]) -> CommandParser:
    parser = CommandParser(f"python {command}.py", description)
    for name, text in positionals.items():
        parser.add_argument(name, help=text)
    for section in sections:
        group = parser.add_argument_group(f"{section.name} - {section.help}")
        for option in section.options:
            flags = [f"--{name}" for name in (option.name, *option.aliases)]
            extra: dict[str, Any] = {"nargs": "?", "const": "true"} if option.type == "bool" else {}
            if option.type in REPEATED or option.shorthand:
                extra["action"] = "append"
            default = own_defaults.get(option.name, option.default)
            shown = "not set" if default is None else default
            text = f"{option.help} [{option.describe()}; default {shown}]".replace("%", "%%")
            group.add_argument(*flags, dest=option.name, default=argparse.SUPPRESS, metavar="X", help=text,
                               **extra)
    return parser


def _peek(argv: list[str], name: str) -> str | None:
    """Return the last value of `--name` without judging the rest (the method decides which options exist)."""
    value = None
    for i, token in enumerate(argv):
        if token == f"--{name}" and i + 1 < len(argv):
            value = argv[i + 1]
        elif token.startswith(f"--{name}="):
            value = token.split("=", 1)[1]
    return value


def _peek_positional(argv: list[str], number: int, sections: list[Section]) -> str | None:
    """Return a positional by its number, before the method is known: `sections` are those of all methods."""
    names = {name: option for section in sections for option in section.options
             for name in (option.name, *option.aliases)}
    found, is_value = [], False
    for token in _tokens(argv, names, has_positionals=True):
        if not token.startswith("-") and not is_value:
            found.append(token)
        is_value = token.startswith("--") and token not in ("--", "--help") and "=" not in token
    return found[number] if number < len(found) else None


def load_settings(command: str, description: str, argv: list[str],
                  positionals: Mapping[str, str] | None = None, trained_in: str | None = None) -> Settings:
    """Return the settings of one run: defaults < method's defaults < preset < `--config_path` < command line.

    Args:
        command: name of the entry script, for `--help`.
        description: what the command does, shown by `--help`.
        argv: the arguments, without the program's name.
        positionals: names and help of positional arguments; their values become settings of the same name.
        trained_in: the setting or positional that names the folder of a training, or a file in it: the
            method's own settings (which network it is) are taken from the config.yaml there, below all that
            is given.

    Raises:
        UserError: an unknown setting, a wrong type or an impossible value.
    """
    common, methods = load_schema()
    config_path = _peek(argv, "config_path")
    from_file = _read_yaml(config_path, _peek(argv, "method")) if config_path else {}
    by_name = {option.name: option for section in common for option in section.options}
    method_option = by_name["method"]
    method = _peek(argv, "method") or from_file.get("method")
    if method is None and trained_in:
        if trained_in in by_name:
            place = _peek(argv, trained_in) or from_file.get(trained_in) or by_name[trained_in].default
        else:
            place = _peek_positional(argv, list(positionals).index(trained_in), [*common, *methods.values()])
        saved_in = _training_config([Path(place)]) if place else None
        method = _saved_training(saved_in).get("method") if saved_in else None
    method = method_option.parse(method or method_option.default)
    if method not in methods:
        near = difflib.get_close_matches(method, methods, 1, 0.3)
        raise UserError(f"--method {method} is not known: give one of {', '.join(methods)}"
                        + (f"; did you mean {near[0]}?" if near else ""))
    own = methods[method]
    sections = [*common, own]
    options = {name: option for section in sections for option in section.options
               for name in (option.name, *option.aliases)}
    parser = _build_parser(command, description, sections, own.defaults, positionals or {})
    given = vars(parser.parse_args(_tokens(argv, options, bool(positionals))))

    preset_name = given.get("preset", from_file.get("preset"))
    preset_name = options["preset"].parse(preset_name)
    if preset_name and preset_name not in own.presets:
        raise UserError(f"--preset {preset_name} is not known to {method}: "
                        f"give one of {', '.join(own.presets) or '(it has none)'}")
    layers = [{**own.defaults, "method": method}, own.presets.get(preset_name, {}), from_file, given]
    if trained_in:
        trained = _trained_with(_trainings(trained_in, options, [from_file, given]), method, own)
        if not trained and own.options and command in ("eval", "infer", "preprocess", "export"):
            print(f"no config.yaml of a {method} training found: its settings are the defaults and what is "
                  "given here")  # not to stderr, where a mistake has one line
        layers.insert(1, trained)
    return _merge(sections, options, layers, positionals or {})


def _trainings(trained_in: str, options: Mapping[str, Option], layers: list[Mapping[str, Any]]) -> list[Path]:
    """Return where a training's config.yaml is looked for, best first.

    Beside a checkpoint that is given, then where the user says that the training is; the default folder only
    where neither is given, since a training there has nothing to do with another's checkpoint.
    """
    beside, said = [], []
    for layer in reversed(layers):
        said += [Path(layer[trained_in])] if trained_in in layer else []
        for name, value in layer.items():
            option = options.get(name)
            if option and value and "ckpt" in (option.name, *(option.shorthand or ())):
                entries = value if isinstance(value, (list, tuple)) else [value]
                beside += [Path(entry if option.shorthand else entry.partition("=")[2]) for entry in entries]
    default = [Path(options[trained_in].default)] if trained_in in options else []
    return beside + said or default


def _saved_training(path: Path) -> dict[str, Any]:
    """Return what a training's config.yaml holds; nothing where there is none, or another program's."""
    try:
        saved = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return saved if isinstance(saved, dict) and "method" in saved else {}


def _training_config(places: list[Path]) -> Path | None:
    """Return the config.yaml of the training that one of `places` belongs to, or None.

    Each of `places` is a training's folder, one of its subfolders, or a file in one of them.
    """
    folders = (folder for place in places
               for folder in (place, place / "Ckpt", *list(place.absolute().parents)[:2]))
    return next((folder / "config.yaml" for folder in folders if (folder / "config.yaml").is_file()), None)


def _trained_with(places: list[Path], method: str, own: Section) -> dict[str, Any]:
    """Return what a training's config.yaml says of the method's own settings, and tell the user so."""
    path = _training_config(places)
    saved = _saved_training(path) if path else {}
    if saved.get("method") != method:
        return {}
    values = {o.name: saved[o.name] for o in own.options
              if o.name in saved and not o.shorthand and not o.names_data}
    changed = [f"{o.name} {_shown(values[o.name])}" for o in own.options
               if o.network and o.name in values and values[o.name] != o.default]
    if changed:
        print(f"{method} as trained in {path}: {', '.join(changed)}")  # not to stderr, see load_settings
    return values


def other_network_than(settings: Settings, network: str, checkpoint: str | Path) -> str:
    """Say in which settings a checkpoint's network is another one than that of this run.

    Args:
        settings: of this run.
        network: which one of its method's networks the checkpoint is of.
        checkpoint: its training left a config.yaml beside it.

    Returns:
        "encoder_width 0.25 there, 1.0 here; ..."; empty where all agree, or nothing of this method tells.
    """
    saved, here = _saved_training(Path(checkpoint).parent / "config.yaml"), settings.plain()
    if saved.get("method") != settings.method:
        return ""
    _, methods = load_schema()
    names = [o.name for o in methods[settings.method].options if o.network in (network, "all")]
    return "; ".join(f"{name} {_shown(saved[name])} there, {_shown(here[name])} here" for name in names
                     if name in saved and saved[name] != here[name])


def _shown(value: Any) -> Any:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "not set" if value is None else value


def _is_shorthand(options: Mapping[str, Option], name: str) -> bool:
    return name in options and options[name].shorthand is not None


def _merge(sections: list[Section], options: Mapping[str, Option], layers: list[Mapping[str, Any]],
           positionals: Mapping[str, str]) -> Settings:
    values = {option.name: None if option.default is None else option.parse(option.default)
              for section in sections for option in section.options}
    changed = set()
    for depth, layer in enumerate(layers):
        for name, value in sorted(layer.items(), key=lambda item: _is_shorthand(options, item[0])):
            if name in positionals:
                values[name] = value
                continue
            option = options.get(name)
            if option is None:
                near = difflib.get_close_matches(name, options, 1, 0.5)
                raise UserError(f"unknown setting {name} in the configuration"
                                + (f"; did you mean {near[0]}?" if near else ""))
            if option.shorthand:
                target, prefix = option.shorthand
                paths = value if isinstance(value, list) else [value] if value else []
                added = [prefix + path for path in paths]  # a written config.yaml holds both: not twice
                values[target] = (*(entry for entry in values[target] if entry not in added), *added)
                value = paths[-1] if paths else None
            values[option.name] = option.parse(value)
            if depth > 0:
                changed.add(option.name)
    return Settings(values, frozenset(changed))
