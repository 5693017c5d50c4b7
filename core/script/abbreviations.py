"""Words that carry a dot within a sentence; data, no code.

Only those that hardly ever end a sentence stand here: "etc." or "Inc." before a capital usually do end one. A missing
word costs a cut in the middle of a sentence, a word too many costs a longer scene; so the lists are short and safe.
"""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: By language; "*" holds everywhere. In lower case, without the final dot.
ABBREVIATIONS: Final = {
    "*": _words("dr prof st vs mr mrs ms mme mlle eng dipl"),
    "en": _words("messrs rev hon gen col sgt capt lt cmdr sen rep gov pres mt ft e.g i.e cf approx dept est ave blvd"),
    "de": _words(
        "hr fr frl bzw ca evtl ggf inkl exkl mio mrd sog vgl zzgl str geb gest ehem mind max min tel ing mag hl "
        "z.b d.h u.a i.d.r o.ä"
    ),
    "fr": _words("m mm mgr me pr ste env av apr p.ex c.-à-d cf boul éd"),
    "es": _words(
        "sr sra srta d dña dª ud uds vd vds lic ing arq gral tte sto sta avda aprox p.ej dra profa ee.uu jj.oo"
    ),
    "pt": _words("sr sra srta dra profa exmo exma d v.exa av eng arq aprox p.ex sto sta"),
    "it": _words("sig sigg sig.ra sig.na dott dott.ssa prof.ssa avv ing arch geom rag on mons p.es ca ss d.c a.c"),
    "nl": _words("dhr mevr mw ir drs mr bijv bv ca evt incl excl nl o.a d.w.z"),
    "pl": _words("p ks inż mgr hab im np tzw ok św al pl m.in tj"),
    "cs": _words("p pí ing mgr např tzv tj sv cca mj"),
    "ru": _words("г гг ул им т.е т.к т.н проф акад гн гжа руб тыс млн млрд св"),
    "uk": _words("вул ім проф акад тис млн млрд св п"),
    "sv": _words("bl.a t.ex d.v.s ca fr.o.m t.o.m s.k"),
    "da": _words("bl.a f.eks dvs ca hr fr s.k"),
    "no": _words("bl.a f.eks dvs ca hr fr s.k"),
    "fi": _words("esim ts ns mm n hra rva"),
    "tr": _words("sn av doç yrd bkz örn vb vd"),
    "el": _words("κ κα κος δηλ π.χ λ.χ αγ"),
    "ro": _words("dl dna d-na dvs sf ex cca"),
    "hu": _words("ifj id özv pl ún kb"),
    "id": _words("bpk sdr tn ny drs ir h hj"),
    "vi": _words("ts ths gs pgs tp"),
}

#: Words whose dot ends no sentence when a number follows: "No. 5", "S. 12", "Jan. 5".
BEFORE_NUMBERS: Final = _words(
    "no nos nr nº n n° núm num p pp pg pág pag s vol bd fig abb art abs kap cap ch sec eq op c ca стр рис "
    "jan feb mar apr jun jul aug sep sept oct okt nov dec dez"
)
#: Abbreviations with dots inside after which a capital begins a sentence, unlike "U.S. Army".
MAY_END: Final = _words("a.m p.m")
