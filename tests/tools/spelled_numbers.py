#!/usr/bin/env python3
"""Writes models/numbers/*.txt: how numbers are spelled in each language of the official sentences.

The rules are those of Unicode CLDR as the package `unicode-rbnf` carries them; only the cardinal ones up to ten
thousand are kept, and plural forms are resolved, so that the program needs no plural rules. Run by hand when a new
version of CLDR is wanted:

    python tests/tools/spelled_numbers.py FOLDER_OF_UNICODE_RBNF
"""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

LIMIT = 10_000
# The languages of the official sentences, each with its file in CLDR where that has another name. What CLDR does not
# know has no file and is not spelled.
LANGUAGES = {
    "de-CH": "de_CH", "nb": "no", "pt": "pt", "sr-Latn": "sr_Latn", "zh-CN": "zh",
    "zh-HK": "zh_Hant", "zh-TW": "zh_Hant", "en": "en", "fr": "fr",
    **{code: code for code in (
        "af ar bg bn ca cs cy da de el es et eu fa fi ga gl gu he hi hr hu hy id is it ja ka kn ko kw lb lt lv ml mn "
        "ms ne nl pa pl ro ru sk sl sr sv sw ta te th tr uk ur vi").split()},
}
FILES = {"zh-HK": "zh-Hant", "zh-TW": "zh-Hant", "zh-CN": "zh"}


def is_public(name, access):
    kind = name.startswith("spellout") and not re.search("ordinal|year|verbose", name)
    return kind and access != "private" and ("cardinal" in name or "numbering" in name)


def rules_of(path, plural):
    sets = {}
    root = ElementTree.parse(path).getroot()
    for ruleset in root.findall("rbnf//ruleset"):
        name = ruleset.attrib["type"]
        rules = []
        for rule in ruleset.findall("rbnfrule"):
            base, radix = rule.attrib["value"].replace(",", ""), rule.attrib.get("radix", "10").replace(",", "")
            text = (rule.text or "").split(";")[0].replace("\u00ad", "").replace("'", "")
            text = text.replace("→→→", "→→").replace("→", ">").replace("←", "<").replace("%%", "%")
            if base in ("-x", "x.x", "xx"):
                # Tenths by name ("five tenths") would need rules for fractions; nobody orders heat so.
                if "$(" not in text and "fraction" not in text:
                    rules.append((base.replace("xx", "x.x"), None, text))
            elif path.stem == "sl" and base == "2000":
                # CLDR says "two thousand" for three and four thousand too.
                rules.append((2000, 10, text.replace("dva", "<%spellout-cardinal-masculine<")))
            elif base.isdigit() and int(base) <= LIMIT:
                rules.append((int(base), int(radix), text))
        sets[name] = (is_public(name, ruleset.attrib.get("access")), rules)
    return {name: (public, resolved(rules, plural)) for name, (public, rules) in sets.items()}


def resolved(rules, plural):
    """Rules with plural forms, split where the form changes."""
    out = []
    bases = sorted(base for base, _, _ in rules if isinstance(base, int))
    for base, radix, text in rules:
        form = re.search(r"\$\(cardinal,([^)]*)\)\$", text)
        if form is None or base == "x.x":
            out.append((base, radix, text))
            continue
        divisor = radix
        while divisor * radix <= base:
            divisor *= radix
        end = min([other for other in bases if other > base] + [LIMIT + 1])
        forms = dict(re.findall(r"(\w+)\{([^{}]*)\}", form[1]))
        last = None
        for quotient in range(base // divisor, (end - 1) // divisor + 1):
            words = forms.get(plural(quotient), forms.get("other", ""))
            if words != last:
                last = words
                start = max(base, quotient * divisor)
                out.append((start, divisor if start // divisor >= 10 else radix,
                            text[:form.start()] + words + text[form.end():]))
    return out


def main(folder):
    sys.path.insert(0, str(folder.parent))
    from unicode_rbnf.plural_rules import get_plural_category

    target = Path(__file__).resolve().parents[2] / "models" / "numbers"
    for code, name in sorted(LANGUAGES.items()):
        path = folder / "rbnf" / f"{name}.xml"
        if not path.is_file():
            print(f"{code}: CLDR has no rules")
            continue
        sets = rules_of(path, lambda number: get_plural_category(name, number))
        wanted = [name for name, (public, _) in sets.items() if public]
        for reached in wanted:
            for _, _, text in sets[reached][1]:
                for other in re.findall(r"%([\w-]+)", text):
                    if other in sets and other not in wanted:
                        wanted.append(other)
        short = {name: re.sub("^spellout-", "", name) for name in wanted}
        lines = ["# Made by tests/tools/spelled_numbers.py from Unicode CLDR; see LICENSE."]
        for name in wanted:
            public, rules = sets[name]
            lines.append(("" if public else "- ") + short[name] + ":")
            for base, radix, text in rules:
                text = re.sub(r"%([\w-]+)", lambda found: "%" + short.get(found[1], found[1]), text)
                shown = f"{base}/{radix}" if radix not in (None, 10) else f"{base}"
                lines.append(f"{shown} {text}".rstrip() if not text.endswith(" ") else f"{shown} {text}")
        (target / f"{FILES.get(code, code)}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


main(Path(sys.argv[1]))
