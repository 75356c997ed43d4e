import type { EnhanceAppContext, Theme } from 'vitepress';
import DefaultTheme from 'vitepress/theme';
import './style.css';
import { translationOrHome } from '../translation.js';

/** The default theme, with a switch of languages that always leads to a page that exists. */
const theme: Theme = {
  extends: DefaultTheme,
  enhanceApp({ router, siteData }: EnhanceAppContext) {
    const { base, themeConfig } = siteData.value;
    router.onBeforeRouteChange = async (href) => {
      const target = translationOrHome(href, base, themeConfig.translated);
      if (target !== href) void router.go(target);
      return target === href;
    };
  },
};

export default theme;
