"""Skies of the cosmic web, and what LOFAR sees of them.

In: config, a user's own skies where it lists any. Out: boxes/<number>.h5, the emission of an N-body run;
skies/<split>/<batch>/ and observed/<dataset>/<split>/<batch>/, one FITS image a sky, Jy/arcsec^2.
"""

BOXES = [] if config["sky"]["files"] else [f"{number:02d}" for number in range(config["sky"]["boxes"])]


def boxes_of(split: str) -> list[str]:
    """Boxes that the skies of a split are cut out of: with more than one, test skies have the last quarter for them.

    The same cluster from another side would be no unseen sky.
    """
    if len(BOXES) < 2:
        return BOXES
    kept = max(1, len(BOXES) // 4)
    return BOXES[-kept:] if split == "test" else BOXES[:-kept]


rule box:
    output:
        box=ensure(results("boxes/{number}.h5"), non_empty=True),
    log:
        results("logs/box/{number}.log"),
    benchmark:
        results("benchmarks/box/{number}.tsv")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needing(
            1000 + 100e-6 * (config["sky"]["particles"] ** 3 + config["sky"]["mesh"] ** 3),
            5 + 1e-7 * config["sky"]["steps"] * (config["sky"]["particles"] ** 3 + config["sky"]["mesh"] ** 3),
        ),
    params:
        sky={key: config["sky"][key] for key in ("box_mpc", "particles", "mesh", "steps")},
        seed=lambda wildcards: 1000 * config["seed"] + int(wildcards.number),
        code=digest("box"),
    script:
        "../../../scripts/box.py"


rule skies:
    input:
        boxes=lambda wildcards: expand(results("boxes/{number}.h5"), number=boxes_of(wildcards.split)),
        files=lambda wildcards: (
            [config["sky"]["files"][number] for number in members(wildcards.split, wildcards.batch)]
            if config["sky"]["files"]
            else []
        ),
    output:
        skies=directory(results("skies/{split}/{batch}")),
    log:
        results("logs/skies/{split}-{batch}.log"),
    benchmark:
        results("benchmarks/skies/{split}-{batch}.tsv")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needing(2000 + 400 * MEGAPIXELS, 5 + 2 * IMAGES["batch_size"] * MEGAPIXELS),
    params:
        images=lambda wildcards: members(wildcards.split, wildcards.batch),
        sky={key: config["sky"][key] for key in ("slices", "redshift")},
        size=IMAGES["size"],
        cell_arcsec=IMAGES["cell_arcsec"],
        seed=config["seed"],
        code=digest("skies"),
    script:
        "../../../scripts/skies.py"


rule observe:
    input:
        skies=results("skies/{split}/{batch}"),
    output:
        observed=directory(results("observed/{dataset}/{split}/{batch}")),
    log:
        results("logs/observe/{dataset}-{split}-{batch}.log"),
    benchmark:
        results("benchmarks/observe/{dataset}-{split}-{batch}.tsv")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needing(
            3000 + 400 * MEGAPIXELS,
            lambda wildcards, threads: 5
            + IMAGES["batch_size"] * (1 + MEGAPIXELS) * {"noise": 0.1, "dirty": 1.0, "clean": 4.0}[wildcards.dataset],
        ),
    params:
        cell_arcsec=IMAGES["cell_arcsec"],
        observation=config["observation"],
        seed=config["seed"],
        code=digest("observe"),
    script:
        "../../../scripts/observe.py"
