/**
 * The answers of the HTTP API. They are those of Konnect Search; what konn adds stands under names
 * that Konnect does not use (`key`, `highlights`, `facets`, `total`, `related`), so that a client of
 * Konnect's passes over it. The page is a client as well, and takes its types from here.
 */

/** What an attribute can hold. */
export type AttributeJson = string | boolean | readonly string[];

/** Where to mark a value: rising, without overlap, end excluded, in UTF-16 units of `text`. */
export interface HighlightJson {
  /** The attribute, or `name`. */
  readonly field: string;
  readonly text: string;
  readonly ranges: readonly (readonly [start: number, end: number])[];
}

/** An entity. */
export interface EntityJson {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly description?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Ids of what it belongs to: `control_plane_id`, `service_id`. */
  readonly relations?: Readonly<Record<string, string>>;
  readonly attributes: Readonly<Record<string, AttributeJson>>;
  /** Ours: the event's key, which is unique where ids are not. */
  readonly key: string;
}

/** An entity that was found. */
export interface HitJson extends EntityJson {
  /** The text that matched. */
  readonly match?: string;
  /** Ours: what to mark, the best field first. */
  readonly highlights: readonly HighlightJson[];
}

/** How many of the matching entities have a value. */
export interface FacetJson {
  readonly value: string;
  readonly count: number;
  readonly name?: string;
}

/** `GET /v1/search` */
export interface SearchJson {
  readonly data: readonly HitJson[];
  readonly meta: {
    readonly page: {
      readonly size: number;
      /** The path of the next page, null on the last one. */
      readonly next: string | null;
    };
  };
  /** Ours: how many entities match. Not exact: at least so many. */
  readonly total: { readonly count: number; readonly exact: boolean };
  /** Ours: counts over everything that matches, the most frequent first. */
  readonly facets: {
    readonly types: readonly FacetJson[];
    readonly control_planes: readonly FacetJson[];
  };
}

/** The schema of an attribute. */
export interface AttributeSchemaJson {
  readonly type: "string" | "boolean" | "array";
  readonly format?: "date-time";
  readonly items?: { readonly type: "string" };
  readonly name: string;
  readonly description: string;
}

/** A type of entities. */
export interface TypeJson {
  readonly type: string;
  readonly name: string;
  readonly description: string;
  readonly regions: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeSchemaJson>>;
  /** Ours: how many entities of it there are. */
  readonly count: number;
}

/** `GET /v1/search/types` */
export interface TypesJson {
  readonly data: readonly TypeJson[];
}

/** `GET /v1/entities` */
export interface EntityDetailsJson {
  readonly data: EntityJson;
  readonly related: {
    /** The entity that is the control plane; absent where the index does not hold it. */
    readonly control_plane?: EntityJson;
    /** What it belongs to: the service of a route. */
    readonly parent?: EntityJson;
    /** What belongs to it: the routes of a service. At most 50. */
    readonly children: readonly EntityJson[];
    readonly children_total: { readonly count: number; readonly exact: boolean };
  };
}

/** A parameter that cannot be used. */
export interface InvalidParameterJson {
  readonly field: string;
  readonly reason: string;
  readonly source: "query";
  /** Ours: where in the query, end excluded, in UTF-16 units. */
  readonly position?: { readonly start: number; readonly end: number };
}

/** Every answer that is not a success. */
export interface ErrorJson {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  /** Names this answer, in konn's log as well. */
  readonly instance: string;
  readonly invalid_parameters?: readonly InvalidParameterJson[];
}
