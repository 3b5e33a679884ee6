%% GET /sync writes Mnesia's log to disk before it answers. Mnesia itself waits
%% up to 2 s, so that an account made just before a SIGKILL would be gone.
-module(frontdesk_sync).
-export([process/2]).

process(_Path, _Request) ->
    ok = mnesia:sync_log(),
    {200, [{<<"Content-Type">>, <<"text/plain">>}], <<"synced">>}.
