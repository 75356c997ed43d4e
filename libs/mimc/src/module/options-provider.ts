import type { FactoryProvider, InjectionToken, Provider } from '@nestjs/common';

/**
 * Separates the provider of a module's options from all others. It is not registered, because it would expose the secrets to any
 * code that inspects the container; the providers that need the options call its factory.
 */
export function withoutOptions<T>(token: InjectionToken, providers: readonly Provider[] = []) {
  const isOptions = (provider: Provider): provider is FactoryProvider<T> =>
    'provide' in provider && provider.provide === token;
  const others = providers.filter((provider) => !isOptions(provider));
  const options = providers.find(isOptions);
  if (options === undefined) throw new TypeError('The module has no options');
  return { options, others };
}
