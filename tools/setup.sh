#!/bin/sh
# Installs the system packages that a group of tasks needs, with apt-get or dnf.
#
#   sh tools/setup.sh [run|demo|package|test]...      (test holds all; demo holds run; default: run)
#
# What is there already is left alone: with everything in place this is a few file tests, no
# network and no output. Without root, the one command to run is printed instead. The exit code is
# non-zero only if something required is missing afterwards; what is merely wanted is named.
#
# On Debian apache2-bin is enough: it is the server without its service, so that nothing starts
# to listen on port 80.
set -u

groups=${*:-run}
case " $groups " in
*" test "*) groups="run demo package test" ;;
*" demo "*) groups="run demo" ;;
esac

missing_required=""
missing_wanted=""

# has_file PATTERN...: one of the shell patterns names something that exists.
has_file() {
  for pattern in "$@"; do
    for path in $pattern; do
      [ -e "$path" ] && return 0
    done
  done
  return 1
}

# has_command NAME...: one of the commands exists, also in the folders of the administrator.
has_command() {
  for name in "$@"; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "$name" >/dev/null 2>&1 && return 0
  done
  return 1
}

family() {
  if has_command apt-get; then echo debian
  elif has_command dnf; then echo fedora
  else echo unknown
  fi
}
family=$(family)

# need GROUP required|wanted DEBIAN FEDORA TEST ARGUMENT...: remembers the package (several with a
# plus between them, - for none) unless the test succeeds.
need() {
  group=$1 importance=$2 debian=$3 fedora=$4
  shift 4
  case " $groups " in *" $group "*) ;; *) return 0 ;; esac
  "$@" && return 0
  case $family in
  debian) package=$debian ;;
  fedora) package=$fedora ;;
  *) package=$debian ;;
  esac
  package=$(echo "$package" | tr + ' ')
  [ "$package" = "-" ] && return 0
  case $importance in
  required) missing_required="$missing_required $package" ;;
  wanted) missing_wanted="$missing_wanted $package" ;;
  esac
}

check_all() {
  missing_required=""
  missing_wanted=""
  need run required libpcap0.8 libpcap has_file '/usr/lib/*-linux-gnu/libpcap.so.*' '/usr/lib64/libpcap.so.*' '/usr/lib/libpcap.so.*'

  need demo required apache2-bin httpd+mod_ssl+mod_http2 has_command apache2 httpd
  need demo required - mod_ssl has_file /usr/lib/apache2/modules/mod_ssl.so '/usr/lib*/httpd/modules/mod_ssl.so'
  need demo required - mod_http2 has_file /usr/lib/apache2/modules/mod_http2.so '/usr/lib*/httpd/modules/mod_http2.so'
  need demo required apache2-dev httpd-devel has_file /usr/include/apache2/mod_ssl.h /usr/include/httpd/mod_ssl.h
  need demo required media-types mailcap has_file /etc/mime.types
  need demo required gcc+libc6-dev gcc has_command gcc cc
  need demo required make make has_command make
  need demo required openssl openssl has_command openssl
  need demo required curl curl has_command curl
  need demo wanted python3 python3 has_command python3
  need demo required util-linux util-linux has_command setpriv

  need package required rpm rpm-build has_command rpmbuild
  need package required gcc+libc6-dev gcc+glibc-static has_file /usr/lib/*-linux-gnu/libc.a /usr/lib64/libc.a
  need package required apache2-dev httpd-devel has_command apxs apxs2
  need package required binutils binutils has_command strip
  need package required checkpolicy checkpolicy has_command checkmodule
  need package required semodule-utils policycoreutils has_command semodule_package

  need test wanted systemd-container systemd-container has_command systemd-nspawn
  need test wanted systemd systemd has_file /lib/systemd/systemd
  need test wanted rpmlint rpmlint has_command rpmlint
  need test wanted chromium chromium has_command chromium chromium-browser google-chrome
  need test wanted python3-sklearn python3-scikit-learn has_file /usr/lib/python3/dist-packages/sklearn '/usr/lib*/python3*/site-packages/sklearn'
  need test wanted fonts-inter - has_file '/usr/share/fonts/*/inter/*' '/usr/share/fonts/*/*/Inter*'
  need test wanted fonts-jetbrains-mono jetbrains-mono-fonts has_file '/usr/share/fonts/*/jetbrains-mono*/*' '/usr/share/fonts/jetbrains-mono*/*'
  need test required tcpdump tcpdump has_command tcpdump
  need test required iproute2 iproute has_command ip
  need test required tshark wireshark-cli has_command tshark
  need test wanted nginx nginx has_command nginx
  need test wanted libnginx-mod-http-js nginx-mod-http-js has_file /usr/lib/nginx/modules/ngx_http_js_module.so '/usr/lib*/nginx/modules/ngx_http_js_module.so'
  need test wanted haproxy haproxy has_command haproxy
  need test wanted caddy caddy has_command caddy
  need test required binutils binutils has_command objdump
  need test wanted clang-19 clang has_command clang-19 clang
  need test wanted libclang-rt-19-dev compiler-rt has_file "/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a" "/usr/lib*/clang/*/lib/*/libclang_rt.fuzzer*.a"
  # The fuzz targets: libFuzzer's own sources are C++.
  need test required g++ gcc-c++ has_command g++
  need test required wrk wrk has_command wrk
  need test required nghttp2-client nghttp2 has_command h2load
  # For the client of `task bench module`.
  need test wanted libssl-dev openssl-devel has_file /usr/include/openssl/ssl.h
  need test required git git has_command git
  # Checks the alert rules; its server is not started.
  need test wanted prometheus golang-github-prometheus has_command promtool
  need test wanted dnf dnf has_command dnf
  need test wanted gpg gnupg2 has_command gpg
  need test wanted zsh zsh has_command zsh
  need test wanted fish fish has_command fish
  need test wanted procps procps-ng has_command ps
  # For `task wasm` where rustup's toolchain lacks the wasm32 target. Debian's name for them.
  need test wanted rustc-web+cargo-web+rust-web-src - has_file /usr/lib/rustlib/wasm32-unknown-unknown /usr/src/rustc-web* '/usr/src/rustc-*'
  need test wanted lld-19 lld has_command wasm-ld-19 wasm-ld
}

# known PACKAGE: whether the distribution has it (a wanted package may not exist everywhere).
known() {
  case $family in
  debian) [ -n "$(apt-cache --quiet=2 madison "$1" 2>/dev/null)" ] ;;
  fedora) dnf --quiet info "$1" >/dev/null 2>&1 ;;
  esac
}

unique() { echo "$*" | tr ' ' '\n' | sed '/^$/d' | awk '!seen[$0]++' | tr '\n' ' ' | sed 's/ $//'; }

check_all
required=$(unique "$missing_required")
wanted=$(unique "$missing_wanted")
[ -z "$required$wanted" ] && exit 0

case $family in
debian) command="apt-get install -y --no-install-recommends $required $wanted" ;;
fedora) command="dnf install -y $required $wanted" ;;
*)
  echo "setup: neither apt-get nor dnf is here; please install what these Debian packages hold: $required $wanted" >&2
  [ -z "$required" ] && exit 0
  exit 69
  ;;
esac
command=$(echo "$command" | sed 's/  */ /g; s/ $//')

if [ "$(id -u)" -ne 0 ]; then
  if [ -z "$required" ]; then
    echo "setup: going on without $wanted; to install: sudo $command" >&2
    exit 0
  fi
  echo "setup: $required must be installed first. Please run:" >&2
  echo "  sudo $command" >&2
  exit 77
fi

log=$(mktemp) || exit 70
trap 'rm -f "$log"' EXIT

# run WHAT COMMAND...: silent unless it fails.
run() {
  what=$1
  shift
  "$@" </dev/null >"$log" 2>&1 && return 0
  echo "setup: $what failed:" >&2
  tail -n 15 "$log" | sed 's/^/  /' >&2
  return 1
}

install() {
  [ $# -eq 0 ] && return 0
  echo "setup: installing $*" >&2
  case $family in
  debian)
    # Debian starts the service of each server that it installs, now and at each boot. The tests need the programs.
    policy=/usr/sbin/policy-rc.d
    if [ -e "$policy" ]; then
      policy=""
    else
      printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
    fi
    run "apt-get install" env DEBIAN_FRONTEND=noninteractive \
      apt-get -o DPkg::Lock::Timeout=600 install -y -q --no-install-recommends "$@"
    installed=$?
    [ -n "$policy" ] && rm -f "$policy"
    for service in nginx haproxy caddy; do
      case " $* " in *" $service "*) systemctl disable --quiet "$service" 2>/dev/null ;; esac
    done
    return $installed
    ;;
  fedora) run "dnf install" dnf install -y -q "$@" ;;
  esac
}

if [ "$family" = debian ]; then
  echo "setup: reading the package lists" >&2
  run "apt-get update" apt-get -o DPkg::Lock::Timeout=600 update -q
fi
install $required
offered=""
for package in $wanted; do
  known "$package" && offered="$offered $package"
done
install $offered

check_all
required=$(unique "$missing_required")
wanted=$(unique "$missing_wanted")
[ -n "$wanted" ] && echo "setup: going on without $wanted" >&2
if [ -n "$required" ]; then
  echo "setup: still missing: $required" >&2
  exit 69
fi
exit 0
