#!/usr/bin/env bash
# Make a virtual environment and install into it, with a count of the packages instead of pip's noise.
#     install.sh PYTHON FOLDER PIP-ARGUMENTS...
set -euo pipefail
wanted=$1 folder=$2
shift 2

usable() {
    command -v "$1" > /dev/null &&
        "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2> /dev/null
}

python=
for candidate in "$wanted" python3.12 python3.11; do
    if usable "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "cubefocus needs Python 3.11 or 3.12, which CASA has wheels for; $wanted is" \
        "$("$wanted" --version 2> /dev/null || echo 'not there'). Name one: make PYTHON=/path/to/python3.11" >&2
    exit 1
fi

packages=0
for argument in "$@"; do
    [[ $argument == *.lock ]] && packages=$(grep -c '==' "$argument")
done
size=
[ "$packages" -eq 0 ] || size=": some minutes, about 3 GB"
echo "Setting up $folder with $("$python" --version)$size, once"
rm -rf "$folder"
if ! message=$("$python" -m venv "$folder" 2>&1); then
    echo "$message" >&2
    echo "cubefocus: $python cannot make a virtual environment; on Debian: apt install python3-venv" >&2
    exit 1
fi

# On a terminal one line that counts up, elsewhere a line for every 25 packages.
progress='
    /^(Collecting|Processing)/ && (tty || ++n % 25 == 0) {
        printf (tty ? "\r  %d" : "  %d"), (tty ? ++n : n)
        printf (total ? " of %d packages" : " packages") (tty ? "" : "\n"), total
        fflush()
    }
    /^Installing collected/ { printf "%s  unpacking them\n", (tty ? "\r" : ""); fflush() }'
tty=0
[ -t 1 ] && tty=1
if ! PIP_ROOT_USER_ACTION=ignore "$folder/bin/python" -m pip install --no-color --progress-bar off --no-input \
    --log "$folder/pip.log" "$@" 2> >(grep -v '^WARNING' >&2) |
    awk -v tty="$tty" -v total="$packages" "$progress"; then
    echo "cubefocus: the installation failed, $folder/pip.log says why; the same command starts it again" >&2
    exit 1
fi
