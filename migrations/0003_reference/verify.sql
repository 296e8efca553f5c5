-- Each dictionary loads and answers: for the documentation network (RFC 3849) and no JA4, with nothing.
SELECT throwIf(dictGet('{{db}}.dict_networks', 'asn', toIPv6('2001:db8::1')) != 0, 'dict_networks');
SELECT throwIf(dictGet('{{db}}.dict_countries', 'country', toIPv6('2001:db8::1')) != '', 'dict_countries');
SELECT throwIf(dictGet('{{db}}.dict_network_kinds', 'kind', toIPv6('2002::1')) != '', 'dict_network_kinds');
SELECT throwIf(dictGet('{{db}}.dict_reputation', 'score', toIPv6('2001:db8::1')) != 0, 'dict_reputation');
SELECT throwIf(dictGet('{{db}}.dict_bots', 'name', toIPv6('2001:db8::1')) != '', 'dict_bots');
SELECT throwIf(dictGet('{{db}}.dict_ja4', 'client', tuple('')) != '', 'dict_ja4');

SELECT throwIf(count() != 7, '{{local:http_events}} does not ask the dictionaries')
FROM system.columns
WHERE database = '{{db}}' AND table = '{{local:http_events}}' AND default_kind = 'DEFAULT' AND default_expression LIKE 'dictGet(%';
