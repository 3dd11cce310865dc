"""What makes the study of Bayesian imaging: its targets, its skies by name, and what is inferred for each.

In: config. Out: nothing is made here. The sky ``main`` is that of the config, or a user's own Measurement Set; ``001``
and the following are the random ones of the section coverage.
"""

MAIN = "main"
DRAWN = [f"{number:03d}" for number in range(1, config["coverage"]["skies"] + 1)]
SKIES = [MAIN, *DRAWN]
OWN_MS = config["data"]["ms"]  # of the main sky, where there is one: then nothing is known to be true of it
KNOWN = DRAWN if OWN_MS else SKIES
WEIGHTINGS = config["tclean"]["weightings"]
CELL = config["image"]["cell_arcsec"]
VISIBILITIES = (  # of a Measurement Set that is simulated here, in millions; a guess for those of a user
    2500 * config["observation"]["total_time_s"] / config["observation"]["integration_s"] / 1e6
)

# Skies of components with a known truth. Of a disc, or of a user's own data, there are no components to be compared.
COMPARED = [sky for sky in KNOWN if sky != MAIN or config["sky"]["kind"] == "components"]
RESOLVED_TABLES = [
    *(["peaks", "fluxes"] if MAIN in COMPARED else []),
    *(["coverage"] if DRAWN else []),
    *(["continuum_detection"] if COMPARED and WEIGHTINGS else []),
    "hyperparameters",
]
# The discs of the report's Table 4; of components the other tables tell more.
DISC = bool(OWN_MS) or config["sky"]["kind"] == "disc"
RESOLVED_FIGURES = [f"resolved_{what}" for what in ("maps", "rounds", "power", "residuals", "energy")]


if OUTERMOST:

    report: "../../report/eso.rst"


wildcard_constraints:
    sky=rf"{MAIN}|\d+",
    weighting="|".join(specs.WEIGHTINGS),


def targets() -> list[str]:
    """What a run makes."""
    images = expand(results("tclean/{weighting}/{sky}.fits"), weighting=WEIGHTINGS, sky=SKIES)
    return [*images, *expand(results("products/{sky}"), sky=SKIES), *evaluated()]


def drawn(wildcards) -> bool:
    """Whether a sky is a random one."""
    return wildcards.sky != MAIN


def number_of(wildcards) -> int:
    """Number of a sky, that of the config is 0: with the seed of the config it decides everything random."""
    return int(wildcards.sky) if drawn(wildcards) else 0


def size_of(wildcards) -> int:
    """Side of the image of a sky in px."""
    return config["coverage" if drawn(wildcards) else "image"]["size"]


def megapixels(wildcards) -> float:
    """Pixels of the image of a sky."""
    return size_of(wildcards) ** 2 / 1e6


def rounds_of(wildcards) -> int:
    """Rounds of the inference of a sky."""
    return config["coverage" if drawn(wildcards) else "inference"]["rounds"]


def ms_of(wildcards) -> str:
    """Measurement Set that an image is inferred from."""
    return OWN_MS if OWN_MS and not drawn(wildcards) else results(f"ms/{wildcards.sky}.ms")


def windows_of(wildcards) -> list[int]:
    """Spectral windows that are used: of what is simulated all."""
    return [] if drawn(wildcards) or not OWN_MS else config["data"]["windows"]


def field_of(wildcards) -> int:
    """Number of the field that is imaged: in what is simulated there is one."""
    return 0 if drawn(wildcards) or not OWN_MS else config["data"]["field_id"]


def evaluated() -> list[str]:
    """Tables, figures and records of a run."""
    names = [*RESOLVED_TABLES, "resolve_times", *(["radii"] if DISC else [])]
    tables = expand(results("tables/{table}.{end}"), table=names, end=["csv", "md", "tex"])
    drawn_too = ["resolved_coverage"] if DRAWN else []
    figures = expand(results("figures/{figure}.png"), figure=[*RESOLVED_FIGURES, *drawn_too])
    return [*tables, *figures, results("config.yaml")]


def cleaned(sky: str, end: str = "tclean/{weighting}/{sky}.fits") -> list[str]:
    """Images of a sky by CLEAN, one each weighting, or what else there is of them."""
    return expand(results(end), weighting=WEIGHTINGS, sky=sky)
