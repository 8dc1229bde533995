#!/bin/sh
# One pass of an autoscaler for rented machines: rents, drains and gives back until there are as many replicas as the router says. Needs curl and jq.
# Run it every half minute or minute, never twice at once (autoscaling.md). If anything does not answer, it ends with 1 and leaves all as it is.
#
#   ROUTER, APP, METRICS_TOKEN   the router's URL, the app, the token for its `scale`
#   MAX, MIN (0), START_S (60)   the most and the fewest machines, and how long one takes until its replica is ready, in seconds
#   RENT_API, RENT_KEY           the provider
#   ADMIN_TOKEN                  optional: machines are drained before they are given back. Without it a machine must drain itself when it is stopped.
#
# The id of a machine is the id of its replica in its heartbeats.
set -eu
: "${ROUTER:?}" "${APP:?}" "${METRICS_TOKEN:?}" "${MAX:?}" "${RENT_API:?}" "${RENT_KEY:?}"
app=$(printf %s "$APP" | jq -sRr @uri)

# call TOKEN METHOD URL [JSON]: the answer's body, and its status in a last line. The token is in no list of processes.
call() {
  printf 'header = "Authorization: Bearer %s"\n' "$1" |
    curl --config - -sS --max-time 20 -w '\n%{http_code}' -X "$2" "$3" ${4:+-H "Content-Type: application/json" -d "$4"}
}

# ok TOKEN METHOD URL [JSON]: the body of a 2xx.
ok() {
  answer=$(call "$@")
  case $(printf %s "$answer" | tail -n 1) in
    2??) printf %s "$answer" | sed '$d' ;;
    *) echo "$2 $3: $answer" >&2 && return 1 ;;
  esac
}

# What is the provider's: the ids of the app's machines as JSON, one more, one less.
machine=$(jq -n --arg app "$APP" '{"label": $app}')
rented() { ok "$RENT_KEY" GET "$RENT_API/instances?label=$app" | jq -ce '[.instances[].id]'; }
rent() { ok "$RENT_KEY" POST "$RENT_API/instances" "$machine" >/dev/null; }
give_back() { ok "$RENT_KEY" DELETE "$RENT_API/instances/$1" >/dev/null; }

# What the router knows of each replica. An app without replicas is a 404, which is an answer too.
fleet() {
  if [ -z "${ADMIN_TOKEN:-}" ]; then echo '[]' && return; fi
  answer=$(call "$ADMIN_TOKEN" GET "$ROUTER/-/apps/$app")
  case $(printf %s "$answer" | tail -n 1) in
    200) printf %s "$answer" | sed '$d' | jq -ce .replicas ;;
    404) echo '[]' ;;
    *) echo "the fleet: $answer" >&2 && return 1 ;;
  esac
}

desired=$(ok "$METRICS_TOKEN" GET "$ROUTER/-/apps/$app/scale?min=${MIN:-0}&max=$MAX&start_s=${START_S:-60}" | jq -e .desired_replicas)
ids=$(rented)
replicas=$(fleet)

# Too few: drained machines are taken back into use before others are rented. Too many: those go first that do not serve yet, then those that serve least.
# A machine that was drained by an earlier pass is given back once it serves nothing.
plan=$(jq -nr --argjson ids "$ids" --argjson replicas "$replicas" --argjson desired "$desired" '
  ($replicas | map({key: .replica, value: .}) | from_entries) as $known
  | ($ids | map({id: ., known: ($known[.] != null), drained: ($known[.].drained // false), load: ($known[.].in_flight // 0)})) as $all
  | ($all | map(select(.drained)) | sort_by(-.load)) as $drained
  | ($all | map(select(.drained | not)) | sort_by(.known, .load)) as $active
  | ($desired - ($active | length)) as $more
  | (range([$more - ($drained | length), 0] | max) | "rent"),
    ($drained[:([$more, 0] | max)][] | "undrain \(.id)"),
    ($drained[([$more, 0] | max):][] | select(.load == 0) | "give_back \(.id)"),
    ($active[:([-$more, 0] | max)][] | if .known then "drain \(.id)" else "give_back \(.id)" end)')

printf '%s\n' "$plan" | while read -r what id; do
  case $what in
    rent) rent ;;
    give_back) give_back "$id" ;;
    drain | undrain) ok "$ADMIN_TOKEN" POST "$ROUTER/-/apps/$app/replicas/$(printf %s "$id" | jq -sRr @uri)/$what" >/dev/null ;;
    '') continue ;;
  esac
  echo "$what${id:+ $id}"
done
