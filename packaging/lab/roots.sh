# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # names are shared among the files that are sourced together
# The cached roots: each is a folder named KIND-KEY, where KEY is the hash of all that went in, and
# is made in KIND-KEY.part and renamed when complete, so a folder without .part is always whole.
# Sourced after host.sh.

# What goes into the debs; nothing else can change them.
deb_inputs=(agent gui units packaging/debian packaging/man packaging/completions packaging/gui
    pyproject.toml README.md LICENSE CHANGELOG.md)

builder='' unfinished=''

# isolated COMMAND...: run it where its mounts and processes can't outlive it: they go with its
# namespaces, and its namespaces with us (pdeathsig), however we end.
isolated() {
    exec setsid setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc \
        "$@" </dev/null
}

# stop_builder: end what build_once started, if anything. For the caller's exit trap. What is
# half built and can't be removed yet goes at the next build.
stop_builder() {
    [ -n "$builder" ] || return 0
    kill -KILL "$builder" 2>/dev/null || true
    wait "$builder" 2>/dev/null || true
    rm -rf --one-file-system "$unfinished" 2>/dev/null || true
    builder=
}

# hash_of FILE...: a short name for the content of the files (and of standard input, as -).
hash_of() { cat -- "$@" | sha256sum | cut -c1-16; }

# build_once FOLDER TITLE COMMAND...: unless FOLDER of the cache is there, run COMMAND FOLDER.part
# and rename it. Two at once: the second waits, then finds it done.
build_once() {
    local target=$cache/$1 title=$2 lock log status=0 began=$SECONDS
    shift 2
    [ ! -d "$target" ] || return 0
    mkdir -p "$cache/lock" "$cache/log"
    exec {lock}>"$cache/lock/${target##*/}"
    if ! flock -n "$lock"; then
        say "$title: somebody else builds it, waiting"
        flock "$lock"
    fi
    if [ ! -d "$target" ]; then
        log=$cache/log/${target##*/}
        say "$title ..."
        rm -rf --one-file-system "$target.part"
        unfinished=$target.part
        (isolated "$@" "$target.part") >"$log" 2>&1 &
        builder=$!
        wait "$builder" || status=$?
        builder=
        if [ "$status" -ne 0 ]; then
            tail -n 20 "$log" >&2
            rm -rf --one-file-system "$target.part"
            die "cannot finish: $title (the log is $log)"
        fi
        sync -f "$target.part"
        mv -T "$target.part" "$target"
        say "$title: done in $((SECONDS - began)) s"
    fi
    exec {lock}>&-
}

# source_tar: our source as a tar stream, the same bytes for the same content: what git tracks and
# what it would track, or all of it where there is no git.
source_tar() {
    (
        cd "$top" || exit
        if git -c "safe.directory=$top" rev-parse --is-inside-work-tree >/dev/null 2>&1; then
            git -c "safe.directory=$top" ls-files -z --cached --others --exclude-standard \
                -- "${deb_inputs[@]}"
        else
            find "${deb_inputs[@]}" -name __pycache__ -prune -o ! -type d -print0 2>/dev/null || true
        fi | sort -zu | while IFS= read -r -d '' file; do
            # git still lists a tracked file that was just deleted
            if [ -e "$file" ] || [ -L "$file" ]; then printf '%s\0' "$file"; fi
        done | tar --create --no-recursion --mtime=@0 --format=gnu \
            --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --null --files-from=-
    )
}

# ensure_base, ensure_build, ensure_debs, ensure_lab: make the root, the root to build in, the debs,
# the root with the debs, and set base, build, debs, lab to their folders.
ensure_base() {
    base=$cache/base-$(hash_of "$here/base.packages" "$here/make-base.sh")
    build_once "${base##*/}" "Debian 13 root with the three servers (once, about a minute)" \
        "$here/make-base.sh"
    touch "$base"
    keep_newest base
}

ensure_build() {
    build_once "${build##*/}" "clean root to build the debs in (once, about a minute)" \
        "$here/make-build.sh"
    touch "$build"
    keep_newest build
}

ensure_debs() {
    local source
    build=$cache/build-$(hash_of "$here/build.packages" "$here/make-build.sh")
    source=$(mktemp)
    source_tar >"$source"
    debs=$cache/debs-$(hash_of "$source" "$here/make-debs.sh")-${build##*-}
    if [ ! -d "$debs" ]; then
        ensure_build
        build_once "${debs##*/}" "debs" "$here/make-debs.sh" "$build" "$source"
        keep_newest debs
    fi
    rm -f "$source"
}

ensure_lab() {
    ensure_base
    ensure_debs
    lab=$cache/lab-$(printf '%s %s %s' "${base##*/}" "${debs##*/}" "$(overlay_word)" |
        hash_of - "$here/make-lab.sh")
    build_once "${lab##*/}" "lab root with the debs installed" \
        "$here/make-lab.sh" "$(overlay_word)" "$base" "$debs"
    touch "$lab"
    keep_newest lab
}

# keep_newest KIND: drop all but the three newest folders of a kind, but not those that a machine
# still runs on.
keep_newest() {
    local folder
    # complete ones end in a hexadecimal digit, others in .part
    # shellcheck disable=SC2012  # our own names: no blanks, no newlines
    ls -dt "$cache/$1"-*[!t]/ | tail -n +4 | while IFS= read -r folder; do
        folder=${folder%/}
        grep -qF "$folder" /proc/self/mounts || rm -rf --one-file-system "$folder"
    done
    # unfinished ones, unless their builder holds its lock
    for folder in "$cache/$1"-*.part; do
        [ ! -d "$folder" ] || flock -n "$cache/lock/$(basename "$folder" .part)" \
            rm -rf --one-file-system "$folder" || true
    done
}

# overlay_word: "overlay", or "copy" on a kernel without overlayfs.
overlay_word() {
    if grep -qw overlay /proc/filesystems || modprobe -q overlay 2>/dev/null; then
        echo overlay
    else
        echo copy
    fi
}
