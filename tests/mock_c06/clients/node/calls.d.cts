// Types of calls.cjs, for household.ts.
import type { Danenquiry } from "./generated/c06";

export const OPERATIONS: Record<string, string>;
export function enquiry(client: string, operation: string): Danenquiry;
export function login(url: string, user: string, secret: string): Record<string, string>;
