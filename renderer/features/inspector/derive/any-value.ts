export { valueText as readable } from '../../../../core/model/value-text.ts'
