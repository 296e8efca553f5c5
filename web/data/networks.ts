/** What the reference data say of the column `src_ip`, for tables that hold the address alone. @module */
import { sql } from "../../lib/sql.ts";

export const ASN_OF = sql`dictGet('dict_networks', 'asn', src_ip)`;
export const COUNTRY_OF = sql`dictGet('dict_countries', 'country', src_ip)`;
