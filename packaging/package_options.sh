# Read by build-deb and build-rpm, from the top of the tree: sets source, build_dir, output, version and
# epoch (the time that all files of a package get); builds when no build directory is given.
tool=$1
shift
source=$PWD
build_dir=
output=build/packages
version=
while [[ $# -gt 0 ]]; do
  case $1 in
    --build-dir | --output | --version)
      [[ $# -gt 1 ]] || { echo "packaging/$tool: $1: a value is missing" >&2; exit 64; }
      declare "$(tr - _ <<<"${1#--}")=$2"
      shift 2
      ;;
    *) echo "packaging/$tool: '$1': expected --build-dir, --output or --version" >&2; exit 64 ;;
  esac
done
[[ -n $version ]] || version=$(sed -n '1s/.*(\(.*\)).*/\1/p' packaging/deb/changelog)
epoch=$(date -d "$(sed -n 's/^ -- .*>  //p' packaging/deb/changelog | head -1)" +%s)
if [[ -z $build_dir ]]; then
  packaging/install-deps build package
  build_dir=build/release
  cmake --preset release -DPGVIGIL_BENCHMARKS=OFF >/dev/null
  cmake --build --preset release --target pgvigil-agent pgvigil-collector >&2
fi
build_dir=$(cd "$build_dir" && pwd)
mkdir -p "$output"
output=$(cd "$output" && pwd)
