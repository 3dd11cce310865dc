"""What a section of the config is: a frozen dataclass checked by pydantic, whose errors are one line with the key."""

from __future__ import annotations

import functools
import numbers
from collections.abc import Callable, Mapping
from dataclasses import Field as DataclassField
from dataclasses import asdict
from typing import Annotated, Any, ClassVar, Self, TypeVar, dataclass_transform

import pydantic
from pydantic import BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, core_schema

from cubefocus.errors import CubefocusError, dotted, kind_wanted, limit_wanted, shown, unknown_key

T = TypeVar("T")

# keyword of JSON schema, and where the limit stands in the context, by pydantic's type of an error
_LIMITS = {
    "greater_than": ("exclusiveMinimum", "gt"),
    "greater_than_equal": ("minimum", "ge"),
    "less_than": ("exclusiveMaximum", "lt"),
    "less_than_equal": ("maximum", "le"),
    "multiple_of": ("multipleOf", "multiple_of"),
    "string_too_short": ("minLength", "min_length"),
}
_KINDS = {
    "string_type": "string",
    "bool_type": "boolean",
    "tuple_type": "array",
    "dict_type": "object",
    "dataclass_type": "object",
}


class Section:
    """Base of all sections; `section` makes a class of fields into one."""

    __dataclass_fields__: ClassVar[dict[str, DataclassField[Any]]]
    section: ClassVar[str] = ""

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any] | None) -> Self:
        """Make the section from plain values, such as those of a config file; keys left out keep their defaults.

        Raises
        ------
        CubefocusError
            If a key is unknown or a value cannot be used; the message names it.
        """
        if not isinstance(values or {}, Mapping):
            raise CubefocusError(f"{cls.section} is {shown(values)}: {kind_wanted(values, ['object'])}")
        return cls(**{str(key): value for key, value in (values or {}).items()})

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as a product keeps them."""
        return asdict(self)


@dataclass_transform(frozen_default=True, field_specifiers=(Field,))
def section(name: str) -> Callable[[type[T]], type[T]]:
    """Decorate a class of fields as a section.

    Parameters
    ----------
    name : str
        Its place in the config, such as ``detection.blobs``, for messages.

    Returns
    -------
    callable
        Makes a frozen dataclass whose values pydantic checks each time that one is made or replaced. A bad value raises
        `CubefocusError`, in one line.
    """

    def make(fields: type[T]) -> type[T]:
        kind: Any = pydantic.dataclasses.dataclass(fields, frozen=True, config=ConfigDict(extra="forbid"))
        kind.section = name
        plain = kind.__init__

        @functools.wraps(plain)
        def checked(self: Any, *args: Any, **values: Any) -> None:
            try:
                plain(self, *args, **values)
            except ValidationError as error:
                raise CubefocusError("; ".join(_line(type(self), each) for each in error.errors())) from None

        kind.__init__ = checked
        return kind

    return make


def _line(kind: type[Section], error: ErrorDetails) -> str:
    """One error of pydantic in the words of a user."""
    place = [step for step in error["loc"] if step != "[key]"]
    if place and isinstance(place[0], int):  # an argument without its name
        place[0] = [*kind.__dataclass_fields__][place[0]]
    path, value, context = dotted([kind.section, *place]), error["input"], error.get("ctx", {})
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return unknown_key(path, str(place[-1]), _known(kind, place[:-1]))
    if "[key]" in error["loc"]:
        return unknown_key(path, str(value), context["choices"])
    if error["type"] in _LIMITS:
        keyword, name = _LIMITS[error["type"]]
        wanted = limit_wanted(keyword, context[name])
    elif error["type"] in _KINDS:
        wanted = kind_wanted(value, [_KINDS[error["type"]]])
    elif error["type"] == "kind":
        wanted = kind_wanted(value, [context["kind"]])
    elif error["type"] == "finite_number":
        wanted = limit_wanted("finite")
    elif error["type"] == "string_pattern_mismatch":
        wanted = f"give the {_field(kind, place).description}"
    else:
        wanted = error["msg"]
    return f"{path} is {shown(value)}: {wanted}"


def _field(kind: Any, place: list[Any]) -> FieldInfo:
    """Field at a place below a section."""
    *above, last = place
    for step in above:
        kind = kind.__pydantic_fields__[step].annotation
    return kind.__pydantic_fields__[last]


def _known(kind: Any, place: list[Any]) -> list[str]:
    """Keys of the section at a place below another, or of the sections in a list there."""
    names = [step for step in place if not isinstance(step, int)]
    kind = _field(kind, names).annotation if names else kind
    kind = next((one for one in getattr(kind, "__args__", ()) if hasattr(one, "__annotations__")), kind)
    return [*getattr(kind, "__pydantic_fields__", kind.__annotations__)]


def _number(value: Any) -> float:
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return float(value)
    raise PydanticCustomError("kind", "{kind}", {"kind": "number"})


def _whole(value: Any) -> int:
    """Take 10 and 10.0, as JSON schema does, and whole numbers of numpy."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if real and float(value).is_integer():
        return int(value)
    raise PydanticCustomError("kind", "{kind}", {"kind": "integer"})


Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]
Whole = Annotated[int, BeforeValidator(_whole)]
Count = Annotated[Whole, Field(ge=1)]
Flag = Annotated[bool, Field(strict=True)]


class OneOf:
    """Annotation of a value that is one of some names."""

    def __init__(self, *choices: str | bool) -> None:
        self.choices = choices

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Take these values alone."""

        def chosen(value: Any) -> Any:
            if any(value == choice and type(value) is type(choice) for choice in self.choices):
                return value
            words = {"wanted": limit_wanted("enum", self.choices), "choices": self.choices}
            raise PydanticCustomError("choice", "{wanted}", words)

        return core_schema.no_info_plain_validator_function(chosen)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The values; a text unless there are others."""
        texts = {"type": "string"} if all(isinstance(choice, str) for choice in self.choices) else {}
        return {**texts, "enum": [*self.choices]}


class Listed:
    """Annotation of a tuple of numbers of some length; ``ordered`` if it is a range [lo, hi]."""

    def __init__(self, length: int = 2, ordered: bool = True) -> None:
        self.length, self.ordered = length, ordered

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check the length before, and the order after the numbers."""

        def sized(value: Any) -> Any:
            if not isinstance(value, (list, tuple)):
                raise PydanticCustomError("kind", "{kind}", {"kind": "array"})
            if len(value) != self.length:
                raise PydanticCustomError("length", "{wanted}", {"wanted": limit_wanted("length", self.length)})
            return tuple(value)

        def sorted_(value: tuple[Any, ...]) -> tuple[Any, ...]:
            if self.ordered and value[0] > value[1]:
                words = {"lo": value[1], "hi": value[0]}
                raise PydanticCustomError("order", "lo is above hi, write [{lo}, {hi}]", words)
            return value

        before = core_schema.no_info_before_validator_function(sized, handler(source))
        return core_schema.no_info_after_validator_function(sorted_, before)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """All items are alike."""
        found = handler(schema)
        found["items"] = found.pop("prefixItems")[0]
        return found | ({"ordered": True} if self.ordered else {})
