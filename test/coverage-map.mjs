export default (test) => test.replace(/^test/, 'src').replace(/\.test\.ts$/, '.ts');
