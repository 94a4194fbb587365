// Assertions that the compiler makes: a file that compiles has passed.

/** Whether two types are the same, not only assignable. */
export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Takes only a claim that is true: `is<Same<A, B>>()`. */
export function is<_Claim extends true>(): void {}

/** Whether every one of the names is a member. */
export type Has<T, Names extends string> = [Exclude<Names, keyof T>] extends [never] ? true : false;

/** Whether none of the names is a member. */
export type HasNot<T, Names extends string> = [Extract<keyof T, Names>] extends [never] ? true : false;
