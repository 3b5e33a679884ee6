%% Users of this host may write only to the domains in `to`, to their own
%% account and to the host's own address. Everything else is answered with an
%% error, or dropped if nothing may answer it. What others write to these users
%% is not touched. For ejabberd 23.01 and later, on the customers' host:
%%
%%     append_host_config:
%%       customers.example:
%%         modules:
%%           mod_frontdesk_confine:
%%             to: [help.customers.example]
-module(mod_frontdesk_confine).
-behaviour(gen_mod).

-export([start/2, stop/1, reload/3, depends/2, mod_opt_type/1, mod_options/1, mod_doc/0]).
-export([confine/1]).

start(Host, _Opts) ->
    ejabberd_hooks:add(user_send_packet, Host, ?MODULE, confine, 1).

stop(Host) ->
    ejabberd_hooks:delete(user_send_packet, Host, ?MODULE, confine, 1).

reload(_Host, _New, _Old) -> ok.

depends(_Host, _Opts) -> [].

mod_opt_type(to) -> econf:list(econf:domain()).

mod_options(_Host) -> [{to, []}].

mod_doc() -> #{desc => "Lets users of a host reach only the domains in 'to'."}.

%% Called for each stanza of this host's own users, before routing; 1 is before
%% every module that would keep or copy it (carbons, archive).
confine({Packet, State}) ->
    {User, Host, _} = jid:tolower(xmpp:get_from(Packet)),
    {ToUser, ToHost, _} = jid:tolower(xmpp:get_to(Packet)),
    Allowed = gen_mod:get_module_opt(Host, ?MODULE, to),
    Own = ToHost =:= Host andalso (ToUser =:= <<>> orelse ToUser =:= User),
    case Own orelse lists:member(ToHost, Allowed) of
        true -> {Packet, State};
        false -> refuse(Packet), {stop, {drop, State}}
    end.

%% route_error answers no error, no result and no presence update.
refuse(Packet) ->
    Text = <<"Only the help desk can be reached from here">>,
    ejabberd_router:route_error(Packet, xmpp:err_not_allowed(Text, xmpp:get_lang(Packet))).
