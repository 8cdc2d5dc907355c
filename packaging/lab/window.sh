# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # names are shared among the files that are sourced together
# What the desktop application needs of the host: a display, Qt's libraries, a Python with PySide6, and
# to be the user whose desktop it is. Sourced after host.sh and venv.sh.

# What become_root takes along, so that the desktop is still known afterwards.
desktop_variables=(DISPLAY WAYLAND_DISPLAY XAUTHORITY XDG_RUNTIME_DIR XDG_SESSION_TYPE
    XDG_CURRENT_DESKTOP DBUS_SESSION_BUS_ADDRESS LANG LANGUAGE LC_ALL LC_MESSAGES
    QT_QPA_PLATFORM QT_SCALE_FACTOR)

libraries=/usr/lib/$(uname -m)-linux-gnu

# What Qt of the PySide6 wheels links to and does not bring along; on a screen, and on none.
qt_packages=(libegl1:"$libraries/libEGL.so.1" libgl1:"$libraries/libGL.so.1"
    libfontconfig1:"$libraries/libfontconfig.so.1" libglib2.0-0:"$libraries/libgthread-2.0.so.0"
    libdbus-1-3:"$libraries/libdbus-1.so.3" libxkbcommon0:"$libraries/libxkbcommon.so.0"
    libgssapi-krb5-2:"$libraries/libgssapi_krb5.so.2"
    fonts-dejavu-core:/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf)
screen_packages=(libxkbcommon-x11-0:"$libraries/libxkbcommon-x11.so.0"
    libxcb-cursor0:"$libraries/libxcb-cursor.so.0" libxcb-icccm4:"$libraries/libxcb-icccm.so.4"
    libxcb-keysyms1:"$libraries/libxcb-keysyms.so.1" libxcb-shape0:"$libraries/libxcb-shape.so.0"
    libwayland-cursor0:"$libraries/libwayland-cursor.so.0"
    libwayland-egl1:"$libraries/libwayland-egl.so.1")

# has_display: is there something to open a window on?
has_display() { [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}${QT_QPA_PLATFORM:-}" ]; }

# window_python: print a Python that has all of what the application imports: the system's own, where
# that is new enough, else one of ours. Needs the network once. For a subshell: it may change PATH.
window_python() {
    # root's python3 may lie where the user whose desktop it is has no access
    ! new_enough /usr/bin/python3 || PATH=/usr/bin:$PATH
    need_python "open a window"
    if python3 - 2>/dev/null <<'PY'
import importlib.util, sys
if not importlib.util.find_spec("PySide6"):
    sys.exit(1)
import h11, PySide6.QtNetwork, PySide6.QtWidgets
sys.exit(not (6, 8, 2) <= PySide6.__version_info__[:3] < (6, 12))
PY
    then
        command -v python3
        return
    fi
    host_packages "${qt_packages[@]}" "${screen_packages[@]}"
    ensure_venv gui gui
    echo "$venv/bin/python"
}

# window_words PYTHON: set words to the command that opens the window of the machine, as the user whose
# desktop it is: who called sudo, and not root.
window_words() {
    local user='' home='' runtime_dir
    words=()
    if [ "$(id -u)" -eq 0 ] && [ "${SUDO_UID:-0}" -ne 0 ]; then
        IFS=: read -r user _ _ _ _ home _ < <(getent passwd "$SUDO_UID") ||
            die "cannot open a window: the user $SUDO_UID who called sudo is not known here"
        words=(setpriv "--reuid=$SUDO_UID" "--regid=$SUDO_GID" --init-groups
            env -u XDG_RUNTIME_DIR "HOME=$home" "USER=$user" "LOGNAME=$user")
        runtime_dir=${XDG_RUNTIME_DIR:-/run/user/$SUDO_UID}
        [ ! -O "$runtime_dir" ] || runtime_dir=/run/user/$SUDO_UID # root's own
        [ ! -d "$runtime_dir" ] || words+=("XDG_RUNTIME_DIR=$runtime_dir")
    fi
    # -P: what lies in the folder that one happens to be in is not imported
    words+=(env "PYTHONPATH=$top/gui" PYTHONDONTWRITEBYTECODE=1 "$1" -P -m incidentops_gui --socket "$socket")
}
