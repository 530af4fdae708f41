"""Functions that read a field of a row into the project's form: texts, dates, and prices.

Each raises `ValueError` with a reason and the value where it cannot be read.
"""

from collections.abc import Callable

from categoriser.data.intake import amounts, dates
from categoriser.data.intake.form import OWN_FORM, ColumnRole, Form

# It reads one field, given all fields of a row.
FieldReader = Callable[[list[str]], str]


def text_field(place: int) -> FieldReader:
    def read(fields: list[str]) -> str:
        value = fields[place]
        return value if "\n" not in value else " ".join(value.split())

    return read


def date_field(place: int, pattern: str) -> FieldReader:
    read_date = dates.date_reader(pattern)

    def read(fields: list[str]) -> str:
        date = read_date(fields[place])
        if date is None:
            raise ValueError(f"is not a date written {pattern}", fields[place])
        return date.isoformat()

    return read


def price_field(form: Form, places: dict[ColumnRole, int]) -> FieldReader:
    """Return a function that reads a row's price as a plain number: what is paid is positive.

    It raises `ValueError` with a reason and the value. The own form's price is left as it is.
    """
    if "price" in places and form == OWN_FORM:
        return text_field(places["price"])
    if "price" in places and "way" in places:
        read = _amount_by_way(places["price"], places["way"], form.decimal)
    elif "price" in places:
        read = _one_amount(places["price"], form.decimal)
    else:
        read = _amount_of_two(places.get("debit"), places.get("credit"), form)
    if form.sign != "turned":
        return read
    return lambda fields: amounts.negated(read(fields))


def _amount(decimal: str) -> Callable[[str], str]:
    read = amounts.amount_reader(decimal)

    def amount(value: str) -> str:
        number = read(value)
        if number is None:
            raise ValueError(f"is not an amount such as 12{decimal}50", value)
        return number

    return amount


def _one_amount(place: int, decimal: str) -> FieldReader:
    amount = _amount(decimal)
    return lambda fields: amount(fields[place])


def _amount_by_way(place: int, way: int, decimal: str) -> FieldReader:
    amount = _amount(decimal)

    def read(fields: list[str]) -> str:
        size = amount(fields[place]).lstrip("+-")
        if fields[way].strip().lower() in amounts.CREDIT_WORDS:
            return amounts.negated(size)
        if fields[way].strip().lower() in amounts.DEBIT_WORDS:
            return size
        raise ValueError("goes neither in nor out", fields[way])

    return read


def _amount_of_two(debit: int | None, credit: int | None, form: Form) -> FieldReader:
    amount = _amount(form.decimal)
    sized = form.sign == "by column"

    def side(fields: list[str], place: int | None) -> str:
        value = "" if place is None else fields[place].strip()
        number = amount(value) if value else ""
        return number.lstrip("+-") if sized else number

    def read(fields: list[str]) -> str:
        paid = side(fields, debit)
        back = side(fields, credit)
        if paid and back:
            # Some banks write a zero on the other side.
            paid = paid if paid.strip("+-0.") else ""
            back = back if back.strip("+-0.") else ""
            if paid and back:
                raise ValueError("is a debit and a credit at once", f"{paid}, {back}")
            if not paid and not back:
                return "0"
        if not paid and not back:
            raise ValueError("is neither a debit nor a credit", "")
        return paid or amounts.negated(back)

    return read
